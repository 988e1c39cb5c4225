"""Who runs a command: the name that the audit log shows."""

import getpass


def actor(command: str) -> str:
    """Return the account that runs a command, and the command: `root, by okr-sync apply`."""
    return f"{_account()}, by okr-sync {command}"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id without a name
        return "somebody"

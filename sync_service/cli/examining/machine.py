"""What is found on this machine: the settings, and the data directory with what is in it."""

import ipaddress
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from config.addresses import LOOPBACK
from config.secret_key import FILE_NAME
from config.settings import Settings
from sync_service.cli.starting import address_of
from sync_service.domain.examining import Finding


def settings_found(settings: Settings) -> Iterator[Finding]:
    """Look at the data directory, our own address and the secret key."""
    yield from _directory(settings)
    yield _address(settings)
    yield _key(settings)


def key_is_lost(settings: Settings) -> bool:
    """Tell whether the key that was made for this database is not where it was kept: a new one would open nothing."""
    return settings.given_secret_key is None and not (settings.data_dir / FILE_NAME).exists()


def open_to_others(path: Path) -> bool:
    """Tell whether anybody but its owner may read or write a file."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _directory(settings: Settings) -> Iterator[Finding]:
    directory, what = settings.data_dir, "data directory"
    if not directory.is_dir():
        if settings.embedded or settings.redis_url is None:
            yield Finding(what=what, well=None, says=f"{directory} is not there yet; the first start makes it")
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        mend = "give it to the user that runs okr-sync, or set OKR_SYNC_DATA_DIR to another"
        yield Finding(what=what, well=False, says=f"{directory} can't be written", mend=mend)
    elif open_to_others(directory):
        says = f"{directory} is open to other users of this machine"
        yield Finding(what=what, well=False, says=says, mend=f"chmod 700 {directory}")
    else:
        yield Finding(what=what, well=True, says=f"{directory}, for its owner alone")


def _address(settings: Settings) -> Finding:
    url, what = address_of(settings), "address"
    parts = urlsplit(url)
    mend = "set OKR_SYNC_BASE_URL to the https address under which people and trackers reach the service"
    if settings.given_base_url is None or parts.hostname in LOOPBACK:
        says = f"{url} can be reached from this machine alone: links in mails lead nowhere else, nor do webhooks come"
        return Finding(what=what, well=None, says=says, mend=mend)
    if _is_private(parts.hostname or ""):
        return Finding(what=what, well=None, says=f"{url} is within a private network: no tracker outside reaches it")
    if parts.scheme == "http":
        says = f"{url} is not encrypted: sign-in links and what trackers send can be read on the way"
        return Finding(what=what, well=None, says=says, mend=mend)
    return Finding(what=what, well=True, says=url)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _key(settings: Settings) -> Finding:
    what, file = "secret key", settings.data_dir / FILE_NAME
    if settings.given_secret_key is not None:
        count = len(settings.secret_keys())
        says = "set" if count == 1 else f"{count} are set: the first seals, the others open what they sealed"
        return Finding(what=what, well=True, says=says)
    if not file.exists():
        return Finding(what=what, well=None, says=f"is not there yet; the first start makes it in {settings.data_dir}")
    if open_to_others(file):
        return Finding(what=what, well=False, says=f"{file} is open to other users", mend=f"chmod 600 {file}")
    return Finding(what=what, well=True, says=f"kept in {file}")

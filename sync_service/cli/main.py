"""The group of all commands. Expected errors end in one clear line, not in a traceback."""

import importlib
import io
import os
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

import sync_service
from config import passwords
from config.errors import InvalidSettings
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.text import counted
from sync_service.runtime.instance_lock import InUse
from sync_service.runtime.memory import collect_nothing
from sync_service.runtime.redis_server import NoServer
from sync_service.runtime.wiring import RegistryError
from sync_service.store.engine.availability import failure, is_away, trouble
from sync_service.store.engine.encryption import DecryptionError
from sync_service.store.engine.migrate import UnknownSchema
from sync_service.store.engine.requirements import UnfitDatabase
from sync_service.store.engine.sqlite import DatabaseBusy

COMMAND_MODULES = {
    "up": "run_commands",
    "worker": "run_commands",
    "clock": "run_commands",
    "migrate": "run_commands",
    "web": "serve_command",
    "apply": "config_commands",
    "plan": "plan.command",
    "export": "config_commands",
    "schema": "config_commands",
    "status": "status_commands",
    "explain": "status_commands",
    "proposal": "decisions.decision_commands",
    "override": "decisions.decision_commands",
    "resume": "decisions.decision_commands",
    "cycle": "cycles.cycle_commands",
    "rule": "rules.rule_commands",
    "proposed-links": "rules.rule_commands",
    "replay": "replay_command",
    "reconcile": "reconcile_command",
    "doctor": "doctor.command",
    "first-admin": "access_commands",
    "sign-in": "access_commands",
    "token": "access_commands",
    "people": "people.people_commands",
    "check-in": "people.check_in_command",
    "step": "people.check_in_command",
    "audit": "people.audit_command",
}
"""Each command's module, imported on demand, so that long-running processes load only what they need."""

OTHER_NAMES = {"rules": "rule"}
"""Names that people write for a command too."""

PRIVATE = 0o077
"""The umask of every process: only the owner may read what it creates, such as the database and its directory."""


class Commands(click.Group):
    """Commands; prints expected errors on standard error and exits with code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return sorted(COMMAND_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        name = OTHER_NAMES.get(cmd_name, cmd_name)
        if name not in COMMAND_MODULES:
            return None
        with collect_nothing():
            module = importlib.import_module(f"sync_service.cli.{COMMAND_MODULES[name]}")
        commands: tuple[click.Command, ...] = module.COMMANDS
        return next(command for command in commands if command.name == name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; cut passwords out of the errors that it prints."""
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            error.message = passwords.cut_out(error.message)  # type: ignore[misc]  # final for type checkers only
            raise

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InvalidFiles as error:
            count = len(error.errors)
            raise click.ClickException(f"nothing was applied: {counted(count, 'error')}:\n{error}") from error
        except InvalidSettings as error:
            raise click.ClickException(f"the settings are wrong:\n{error}") from error
        except BrokenPipeError:
            raise  # click handles a closed pager
        except DBAPIError as error:
            if not is_away(error):
                raise
            says = f"is busy: {failure(error)}" if isinstance(error, DatabaseBusy) else trouble(error)
            raise click.ClickException(f"the database {says}") from error
        except (RegistryError, DecryptionError, UnknownSchema, UnfitDatabase, InUse, NoServer, OSError) as error:
            raise click.ClickException(str(error)) from error


def print_bug(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Print the traceback of an unexpected error, without passwords; takes the place of `sys.excepthook`."""
    sys.stderr.write(passwords.cut_out("".join(traceback.format_exception(kind, error, at))))


def print_thread_bug(failed: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread's unexpected error, without passwords."""
    if failed.exc_value is not None and failed.exc_type is not SystemExit:
        print_bug(failed.exc_type, failed.exc_value, failed.exc_traceback)


def print_ignored(ignored: "sys.UnraisableHookArgs") -> None:
    """Print the traceback of an error that no code can catch, such as one in a finalizer, without passwords."""
    if ignored.exc_value is not None:
        print_bug(ignored.exc_type, ignored.exc_value, ignored.exc_traceback)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(sync_service.__version__, prog_name="okr-sync")
def main() -> None:
    """OKR Sync updates key results automatically when linked work closes in GitHub and Jira.

    \b
    First steps:
      okr-sync up                    start everything; prints a link for the first admin
      okr-sync apply okrs.yaml       set people, objectives, connections and rules
      okr-sync sign-in YOUR@EMAIL    print a link to sign in with

    Settings come from the environment or from .env; see docs/configuration.md.
    """  # noqa: D301 - click's mark for lines that must not be rewrapped
    os.umask(PRIVATE)
    sys.excepthook, threading.excepthook, sys.unraisablehook = print_bug, print_thread_bug, print_ignored
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal's encoding may lack a character
            stream.reconfigure(errors="replace")

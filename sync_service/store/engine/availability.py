"""Wait for a database server that is not up yet; say why a database does not answer."""

import re
import time
from collections.abc import Callable

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

EVERY_SECONDS = 1.0

_SERVER_REFUSES = re.compile(r"\bFATAL:")
_SERVER_IS_BUSY = re.compile(
    # PostgreSQL, while it starts, stops or has no free connection; then PgBouncer, while its server does not answer
    r"starting up|shutting down|recovery mode|not (?:yet )?accepting|too many (?:clients|connections)|connection slots"
    r"|try again later|server login|no more connections|pooler error"
)
_PASSWORD_REFUSED = {
    "password authentication failed": "correct the user name and password in DATABASE_URL",
    "no password supplied": "add the password to DATABASE_URL",
}
_ADVICE = {
    **_PASSWORD_REFUSED,
    "statement pooling mode": "set pool_mode = transaction, or session, in PgBouncer",
    "unsupported startup parameter": "leave out this option of DATABASE_URL, or name it in PgBouncer's "
    "ignore_startup_parameters",
}
_WRONG_STATEMENT = frozenset({"SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_TOOBIG", "SQLITE_RANGE"})
"""The names of SQLite's codes for wrong statements: the driver raises `OperationalError` for most of them.

https://www.sqlite.org/rescode.html
"""


def failure(error: DBAPIError) -> str:
    """Return why the database does not answer, in the driver's words, and what to do if we know."""
    text = str(error.orig or error).strip()
    reason = next((line for line in text.splitlines() if line.strip()), type(error.orig).__name__)
    mends = [mend for words, mend in _ADVICE.items() if words in text]
    return "; ".join([reason, *mends])


def refuses_password(error: BaseException) -> bool:
    """Return whether the server refuses our password, or asks for one."""
    text = str(error.orig) if isinstance(error, DBAPIError) else ""
    return any(words in text for words in _PASSWORD_REFUSED)


def trouble(error: DBAPIError) -> str:
    """Return what is wrong with the database, as the end of a sentence that begins with "the database"."""
    return f"{'refuses the password' if refuses_password(error) else 'does not answer'}: {failure(error)}"


def is_away(error: BaseException) -> bool:
    """Return whether the database is unreachable, locked or damaged; False for a bug in our statement, or elsewhere."""
    if not isinstance(error, DBAPIError) or getattr(error.orig, "sqlite_errorname", None) in _WRONG_STATEMENT:
        return False
    away = isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    return away or error.connection_invalidated


def may_come_up(error: DBAPIError) -> bool:
    """Return whether the server may answer soon: it is unreachable or busy, and did not refuse us for good.

    Without a connection the driver gives no error code, so only the text tells; an unknown one counts as "soon".
    """
    text = str(error.orig)
    if not isinstance(error, OperationalError) or any(words in text for words in _ADVICE):
        return False
    return not _SERVER_REFUSES.search(text) or _SERVER_IS_BUSY.search(text) is not None


def wait_until_up(engine: Engine, *, seconds: float, say: Callable[[str], None]) -> None:
    """Return when the server answers; `say` once why it does not yet. Raise its error after `seconds`."""
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            engine.connect().close()
        except DBAPIError as error:
            if time.monotonic() > deadline or not may_come_up(error):
                raise
            if not waiting:
                say(failure(error))
            waiting = True
            time.sleep(EVERY_SECONDS)
        else:
            return

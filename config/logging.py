"""Logging of every process: structured lines on standard error, for people or for a log collector.

The standard library's loggers (gunicorn, SQLAlchemy, RQ, alembic) are routed here too. Bodies, headers and secrets are
never logged: fields with their usual names are dropped, and passwords in URLs are cut out of the text.
"""

import logging
import re
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from config import passwords
from config.log_text import cut_out_tokens, escape_fields, escape_line, write_traceback

NEVER_LOGGED = frozenset(
    {
        "api_key",
        "authorization",
        "body",
        "client_secret",
        "cookie",
        "credentials",
        "headers",
        "password",
        "payload",
        "private_key",
        "secret",
        "secret_key",
        "secrets",
        "signature",
        "smtp_url",
        "token",
        "webhook_secret",
        "webhook_secrets",
    }
)
PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s/@'\":]*:[^\s/@'\"]*@")
"""The name in front of the first colon has none itself, so a line is searched in time proportional to its length."""

LONGEST_VALUE = 10_000
"""Characters of a logged value; clients choose some of them. Tracebacks have no limit."""

NOISY_LOGGERS = ("alembic", "rq.worker", "rq.queue", "urllib3")  # they log every job and every call; we log the results


def set_up_logging(
    log_format: Literal["console", "json"], *, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send every logger of this process to `stream`, by default standard error. May be called again."""
    to = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        drop_secrets,
        shorten,
        escape_fields,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers that modules made before this call must follow it too
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendering(log_format, colors=to.isatty()),
                cut_out_passwords,
                cut_out_tokens,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def rendering(log_format: Literal["console", "json"], *, colors: bool) -> list[Processor]:
    """Return the last processors, which make one string of a line."""
    if log_format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
            escape_line,
        ]
    console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=write_traceback)
    return [console] if colors else [console, escape_line]  # the escapes of colours are our own


def drop_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Remove fields whose names are usual for secrets and bodies."""
    return {name: value for name, value in line.items() if name.lower() not in NEVER_LOGGED}


def shorten(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Cut values that are too long, and say how long they were."""
    return {
        name: f"{value[:LONGEST_VALUE]}… ({len(value)} characters)"
        if isinstance(value, str) and len(value) > LONGEST_VALUE and name != "exception"
        else value
        for name, value in line.items()
    }


def cut_out_passwords(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Remove user and password from every URL in a finished line, also in tracebacks, and known passwords anywhere."""
    return PASSWORD_IN_URL.sub("…@", passwords.cut_out(line))

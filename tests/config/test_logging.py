"""Logging: one path and one form for every line, and no secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from config.logging import cut_out_passwords, set_up_logging


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Restore the test runner's logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(log_format: Literal["console", "json"]) -> io.StringIO:
    """Set up logging and return the stream that receives the lines."""
    stream = io.StringIO()
    set_up_logging(log_format, stream=stream)
    return stream


def only_line(stream: io.StringIO) -> dict[str, Any]:
    """Return the one JSON line that was written."""
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_json_line_names_the_row_the_event_and_the_time() -> None:
    """A log collector can find all lines of one delivery."""
    stream = logged("json")
    structlog.get_logger("sync_service.ingest.apply_updates").info(
        "delivery settled", delivery=7, connection="acme-github"
    )
    line = only_line(stream)
    assert (line["event"], line["delivery"], line["level"]) == ("delivery settled", 7, "info")
    assert line["logger"] == "sync_service.ingest.apply_updates"
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_have_the_same_form() -> None:
    """Gunicorn and Alembic know only the loggers of the standard library."""
    stream = logged("json")
    logging.getLogger("alembic").warning("running %s", "upgrade", extra={"revision": "0001"})
    line = only_line(stream)
    assert (line["event"], line["level"], line["revision"]) == ("running upgrade", "warning", "0001")


def test_setting_up_twice_writes_each_line_once() -> None:
    """One process of the service may start another."""
    logged("json")
    stream = logged("json")
    logging.getLogger("x").info("once")
    assert only_line(stream)["event"] == "once"


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_secrets_and_bodies_are_never_logged(log_format: Literal["console", "json"]) -> None:
    """Not as fields, not by a library, not in a URL, not in a traceback."""
    stream = logged(log_format)
    log = structlog.get_logger("x")
    log.info("connected", token="hunter2", Authorization="hunter2", body=b"hunter2", webhook_secrets=["hunter2"])
    logging.getLogger("y").info("library", extra={"password": "hunter2"})
    log.info("opened", url="postgresql+psycopg://okr:hunter2@db/okr")
    try:
        int("redis://:hunter2@redis:6379/0")
    except ValueError:
        log.exception("lost")
    assert "hunter2" not in stream.getvalue()
    assert "redis://…@redis:6379/0" in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_the_console_form_has_no_colours_outside_a_terminal() -> None:
    """A log file must not contain colour codes."""
    stream = logged("console")
    structlog.get_logger("x").info("started", part="web")
    assert "started" in stream.getvalue()
    assert "part=web" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_lines_about_every_job_are_dropped() -> None:
    """A warning of the same logger is still logged."""
    stream = logged("json")
    logging.getLogger("rq.worker").info("drain ok")
    logging.getLogger("rq.worker").warning("lost Redis")
    assert only_line(stream)["event"] == "lost Redis"


ODD = "a\x1b[31mb\r\n2026-11-28 [info] forged\x9b2J\u202e\u2028\ud800"


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_control_characters_of_other_people_are_escaped(log_format: Literal["console", "json"]) -> None:
    """In the event, in fields, in lists, in lines of libraries and in tracebacks: no line is forged."""
    stream = logged(log_format)
    log = structlog.get_logger("x")
    log.info(ODD, title=ODD, several=[ODD], nested={"a": ODD})
    logging.getLogger("y").warning("library %s", ODD)
    assert len(stream.getvalue().splitlines()) == 2
    log.error("lost", exc_info=ValueError(ODD))
    text = stream.getvalue()
    text.encode()
    assert [one for one in text if one in "\x1b\r\x9b\u202e\u2028"] == []
    assert not any(line.startswith("2026-11-28 [info] forged") for line in text.splitlines())
    assert "x1b[31m" in text


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_token_that_still_works_is_logged(log_format: Literal["console", "json"]) -> None:
    """Sign-in links, the first admin's link and codes of OAuth redirects: as a field, by a library, in a traceback."""
    stream = logged(log_format)
    log = structlog.get_logger("x")
    log.info("a form was refused", path="/sign-in/live-Token_1")
    log.info("a form was refused", path="/first-admin/live-Token_2")
    logging.getLogger("gunicorn.error").error("Error handling request %s", "/a/consented?state=live-2&code=live-3#x")
    error = ValueError("http://okr.example/sign-in/live-4")
    log.error("lost", exc_info=error, address="/badges/KR-1.svg?sig=live-5")
    text = stream.getvalue()
    assert "live" not in text
    assert text.count("/sign-in/…") >= 2
    assert "/a/consented?state=…&code=…#x" in text


def test_long_values_are_cut() -> None:
    """A client chooses some of them, like the path of a request."""
    stream = logged("json")
    structlog.get_logger("x").info("refused", path="/" + "x" * 50_000)
    line = only_line(stream)
    assert len(line["path"]) < 11_000
    assert line["path"].endswith("… (50001 characters)")


def test_no_line_takes_more_than_linear_time() -> None:
    """A search that goes back over what it has read would take minutes for this one."""
    line = "://" + "a:" * 100_000
    assert cut_out_passwords(None, "", line) == line
    assert cut_out_passwords(None, "", f"{line} redis://me:pa:ss@host") == f"{line} redis://…@host"

"""Jira's limits: which part of a connection waits, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.api.rate_limits import READ_BUCKET, WRITE_BUCKET, error_text, raise_for_jira_response
from connectors.responses import Response
from sync_service.domain.trackers.connector import Refused, Unavailable
from tests.connectors.jira.payloads import SITE, connection

NOW = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)
ISSUE = f"{SITE}/rest/api/3/issue/20012"


def limited(bucket: str = READ_BUCKET, **headers: str) -> Unavailable:
    """Judge a 429 with these headers, whose names are written with underscores."""
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(Unavailable) as caught:
        raise_for_jira_response(Response(ISSUE, status=429, headers=written, body=b"<html>"), now=NOW, bucket=bucket)
    return caught.value


@pytest.mark.parametrize(
    ("reason", "bucket", "stopped"),
    [
        ("jira-quota-global-based", READ_BUCKET, ""),
        ("jira-quota-tenant-based", f"{WRITE_BUCKET}/20012", ""),
        ("jira-burst-based", READ_BUCKET, READ_BUCKET),
        ("jira-burst-based", f"{WRITE_BUCKET}/20012", WRITE_BUCKET),
        ("jira-per-issue-on-write", f"{WRITE_BUCKET}/20012", f"{WRITE_BUCKET}/20012"),
        ("jira-something-new", READ_BUCKET, ""),
        ("", READ_BUCKET, ""),
    ],
)
def test_a_limit_stops_what_it_is_about_and_nothing_else(reason: str, bucket: str, stopped: str) -> None:
    """A quota everything, a burst all reading or all writing, a limit of writes one issue; what is not told, all."""
    error = limited(bucket, RateLimit_Reason=reason, Retry_After="7")
    assert (error.bucket, error.retry_at, error.guessed) == (stopped, NOW + timedelta(seconds=7), False)


def test_a_reset_is_read_where_no_wait_is_told() -> None:
    """ISO 8601, to the minute."""
    error = limited(RateLimit_Reason="jira-quota-global-based", X_RateLimit_Reset="2026-11-23T11:00Z")
    assert (error.retry_at, error.guessed) == (datetime(2026, 11, 23, 11, tzinfo=UTC), False)


def test_headers_of_limits_to_come_stop_nothing() -> None:
    """Neither when all is well, nor as a time to wait for."""
    reply = Response(ISSUE, status=200, headers={"Beta-RateLimit-Remaining": "0"}, body=b"{}")
    raise_for_jira_response(reply, now=NOW, bucket=READ_BUCKET)
    assert limited(Beta_RateLimit_Reset="2026-11-23T11:00Z").guessed


def test_a_gateway_that_says_nothing_is_asked_again_after_two_seconds_and_a_bit() -> None:
    """The wait is guessed, so that it doubles while it does not help; no two callers wait for exactly as long."""
    errors = [limited() for _ in range(20)]
    waits = [error.retry_at - NOW for error in errors if error.retry_at]
    assert all(timedelta(seconds=2) <= wait <= timedelta(seconds=2.6) for wait in waits)
    assert len(set(waits)) > 1
    assert all(error.guessed and error.bucket == "" for error in errors)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X_RateLimit_Interval_Seconds": "60"}, 60),
        ({"X_RateLimit_Interval_Seconds": "60", "Retry_After": "12"}, 12),
        ({"X_RateLimit_Interval_Seconds": "60", "Retry_After": "soon"}, 60),
    ],
)
def test_data_center_tells_by_its_own_headers(headers: dict[str, str], seconds: int) -> None:
    """When new tokens come, unless it says exactly how long to wait."""
    error = limited(**headers)
    assert (error.retry_at, error.bucket, error.guessed) == (NOW + timedelta(seconds=seconds), "", False)


@pytest.mark.parametrize("told", ["", "-1", "sixty", "٦"])
def test_an_interval_that_is_none_is_guessed(told: str) -> None:
    """Whatever stands there."""
    assert limited(X_RateLimit_Interval_Seconds=told).guessed


def test_a_refusal_says_what_jira_says(mock: responses.RequestsMock) -> None:
    """In one line, for people."""
    told = {"errorMessages": ["Issues can't be\nseen by you."], "errors": {}}
    mock.get(f"{SITE}/rest/api/3/field", json=[])
    mock.get(ISSUE, status=403, json=told)
    with pytest.raises(Refused, match=r"\(403\): Issues can't be seen by you\."):
        Jira(HttpClient()).fetch_issue(connection("token", email="ana@example.com"), identity="20012", key="SHOP-12")


def test_what_is_wrong_with_a_field_is_said() -> None:
    """Where nothing is said of the whole."""
    told = b'{"errorMessages": [], "errors": {"comment": "The entered text is too long."}}'
    assert error_text(Response(ISSUE, status=400, headers={}, body=told)) == "The entered text is too long."


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"errorMessages": "x"}', b'{"errorMessages": [1]}'])
def test_an_answer_without_words_has_none(body: bytes) -> None:
    """Whatever shape it has."""
    assert error_text(Response(ISSUE, status=400, headers={}, body=body)) == ""

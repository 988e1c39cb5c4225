"""Rate limits of Jira: which bucket of a connection is blocked, and how long."""

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


def rate_limit(bucket: str = READ_BUCKET, **headers: str) -> Unavailable:
    """Return the rate limit of a 429 with these headers, whose names have underscores here."""
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
def test_a_rate_limit_blocks_only_its_bucket(reason: str, bucket: str, stopped: str) -> None:
    """A quota or an unknown limit blocks everything, a burst all reads or all writes, a write limit one issue."""
    error = rate_limit(bucket, RateLimit_Reason=reason, Retry_After="7")
    assert (error.bucket, error.retry_at, error.guessed) == (stopped, NOW + timedelta(seconds=7), False)


def test_the_reset_is_used_without_retry_after() -> None:
    """ISO 8601, to the minute."""
    error = rate_limit(RateLimit_Reason="jira-quota-global-based", X_RateLimit_Reset="2026-11-23T11:00Z")
    assert (error.retry_at, error.guessed) == (datetime(2026, 11, 23, 11, tzinfo=UTC), False)


def test_headers_of_coming_limits_block_nothing() -> None:
    """Neither after a success, nor as a waiting time."""
    reply = Response(ISSUE, status=200, headers={"Beta-RateLimit-Remaining": "0"}, body=b"{}")
    raise_for_jira_response(reply, now=NOW, bucket=READ_BUCKET)
    assert rate_limit(Beta_RateLimit_Reset="2026-11-23T11:00Z").guessed


def test_without_headers_the_wait_is_guessed_as_two_seconds_and_a_random_part() -> None:
    """A guess doubles while it does not help. The random part separates callers."""
    errors = [rate_limit() for _ in range(20)]
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
def test_data_center_has_headers_of_its_own(headers: dict[str, str], seconds: int) -> None:
    """The interval of new tokens, unless there is an exact waiting time."""
    error = rate_limit(**headers)
    assert (error.retry_at, error.bucket, error.guessed) == (NOW + timedelta(seconds=seconds), "", False)


@pytest.mark.parametrize("body", ["", "-1", "sixty", "٦"])
def test_an_invalid_interval_is_guessed(body: str) -> None:
    """For any text."""
    assert rate_limit(X_RateLimit_Interval_Seconds=body).guessed


def test_a_refusal_has_jira_s_words(mock: responses.RequestsMock) -> None:
    """In one line, for people."""
    body = {"errorMessages": ["Issues can't be\nseen by you."], "errors": {}}
    mock.get(f"{SITE}/rest/api/3/field", json=[])
    mock.get(ISSUE, status=403, json=body)
    with pytest.raises(Refused, match=r"\(403\): Issues can't be seen by you\."):
        Jira(HttpClient()).fetch_issue(connection("token", email="ana@example.com"), identity="20012", key="SHOP-12")


def test_an_error_of_a_field_is_reported() -> None:
    """If there is no general error message."""
    body = b'{"errorMessages": [], "errors": {"comment": "The entered text is too long."}}'
    assert error_text(Response(ISSUE, status=400, headers={}, body=body)) == "The entered text is too long."


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"errorMessages": "x"}', b'{"errorMessages": [1]}'])
def test_a_response_without_messages_has_no_text(body: bytes) -> None:
    """Whatever its form."""
    assert error_text(Response(ISSUE, status=400, headers={}, body=body)) == ""

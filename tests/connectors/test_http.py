"""HTTP calls to trackers: the meaning of each response."""

from datetime import UTC, datetime, timedelta

import pytest
import responses

from connectors.http import HttpClient, JsonResponse
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.connector import ConnectorError, Gone, Refused, Rejected, Unavailable
from tests.connectors.fake_http import NOW, URL, get


def error_of(
    status: int, headers: dict[str, str] | None = None, body: str | bytes = "{}", content_type: str = "application/json"
) -> ConnectorError:
    """Return the error that this response raises."""
    with responses.RequestsMock() as mock:
        mock.get(URL, status=status, headers=headers, body=body, content_type=content_type)
        with pytest.raises(ConnectorError) as caught:
            get()
    return caught.value


def test_a_response_is_parsed_as_json(mock: responses.RequestsMock) -> None:
    """Credentials, parameters and our user agent are sent."""
    mock.get(URL, json={"id": 1})
    assert get() == JsonResponse(f"{URL}?a=b", {"id": 1})
    sent = mock.calls[0].request.headers
    assert (sent["Authorization"], sent["User-Agent"], sent["Accept"]) == (
        "Bearer token",
        "okr-sync",
        "application/json",
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (400, Rejected), (422, Rejected), (418, Rejected),
     (407, Unavailable), (408, Unavailable), (421, Unavailable), (425, Unavailable),
     (500, Unavailable), (502, Unavailable), (503, Unavailable)],
)  # fmt: skip
def test_each_status_raises_its_error(status: int, error: type[ConnectorError]) -> None:
    """Each status has exactly one error, and the message names the host."""
    found = error_of(status)
    assert type(found) is error
    assert "tracker.example" in str(found)
    assert getattr(found, "retry_at", None) is None


@pytest.mark.parametrize("status", [404, 410, 451])
def test_no_status_alone_proves_a_deletion(status: int) -> None:
    """A 404 may mean hidden, a 410 that all issues are switched off, a 451 that a court forbids to show them."""
    found = error_of(status)
    assert isinstance(found, Gone)
    assert not found.proven
    assert str(status) in str(found)


AT_NINE = str(int(datetime(2026, 10, 5, 12, 9, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, 60),
        (429, {"Retry-After": "7"}, 7),
        (429, {"Retry-After": "Mon, 05 Oct 2026 12:00:30 GMT"}, 30),
        (429, {"Retry-After": "Mon, 05 Oct 2026 11:00:00 GMT"}, 0),
        (429, {"Retry-After": "soon"}, 60),
        (429, {"Retry-After": "99999999999999"}, 7 * 86400),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, 540),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE, "Retry-After": "9"}, 9),
        (429, {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": AT_NINE}, 60),
        (429, {"X-RateLimit-Reset": "2026-10-05T12:02:00Z"}, 120),
        (429, {"X-RateLimit-Reset": "2026-10-05T12:02"}, 60),
        (429, {"X-RateLimit-Reset": "9" * 30}, 60),
        (429, {"X-RateLimit-Reset": "0001-01-01T00:00:00+14:00"}, 0),
        (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Wed, 01 Jan 2020 00:00:00 GMT"}, 7 * 86400),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, 540),
        (403, {"Retry-After": "61", "X-RateLimit-Remaining": "4000"}, 61),
        (503, {"Retry-After": "20"}, 20),
    ],
)
def test_retry_after_is_used_exactly(status: int, headers: dict[str, str], seconds: int) -> None:
    """Then the reset of a used-up limit, otherwise a minute."""
    found = error_of(status, headers)
    assert isinstance(found, Unavailable)
    assert found.retry_at == NOW + timedelta(seconds=seconds)


def test_github_s_secondary_limit_may_only_have_a_message() -> None:
    """A 403 without any header is a rate limit if its message says so. The minute is our guess."""
    found = error_of(403, body='{"message": "You have exceeded a secondary rate limit."}')
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (NOW + timedelta(seconds=60), True)


@pytest.mark.parametrize(
    "headers",
    [{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": AT_NINE}, {"Retry-After": "Mon, 05 Oct 2026 12:09:00 GMT"}],
)
def test_a_reset_time_is_by_the_tracker_s_clock(headers: dict[str, str]) -> None:
    """The response has that clock's time; ours may differ."""
    found = error_of(429, {**headers, "Date": "Mon, 05 Oct 2026 12:08:00 GMT"})
    assert isinstance(found, Unavailable)
    assert (found.retry_at, found.guessed) == (NOW + timedelta(minutes=1), False)


@pytest.mark.parametrize(
    ("headers", "bucket"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "search"}, "token/search"),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Resource": "search", "Retry-After": "9"}, "token"),
        ({"X-RateLimit-Remaining": "0"}, "token"),
        ({}, "token"),
    ],
)
def test_a_limit_holds_for_a_resource_or_for_the_whole_credential(headers: dict[str, str], bucket: str) -> None:
    """A used-up limit is for a resource, a secondary one for the credential. Without a credential both are unknown."""
    reply = Response(URL, status=429, headers=headers, body=b"")
    for bucket_owner, expected in (("token", bucket), ("", "")):
        with pytest.raises(Unavailable) as caught:
            raise_for_response(reply, now=NOW, bucket_owner=bucket_owner)
        assert caught.value.bucket == expected


def test_a_post_is_redirected_with_method_and_body(mock: responses.RequestsMock) -> None:
    """Only by a status that keeps them; the caller handles any other."""
    other = "https://tracker.example/issue/2"
    mock.post(URL, status=307, headers={"Location": other})
    mock.post(other, status=301, headers={"Location": URL})
    reply = HttpClient().send("POST", URL, authorization="Bearer token", json={"query": "{}"})
    assert (reply.url, reply.status) == (other, 301)
    assert [call.request.body for call in mock.calls] == [b'{"query": "{}"}'] * 2


@pytest.mark.parametrize("body", ["[]", "7", "[" * 100_000])
def test_json_of_another_form_is_rejected(body: str) -> None:
    """The tracker's own answer will be the same the next time."""
    found = error_of(200, body=body)
    assert isinstance(found, Rejected)
    assert "tracker.example sends a reply that can't be read" in str(found)


@pytest.mark.parametrize("body", ["", '{"a": NaN}', '{"a": 1', "upstream says no", b"\xff\xfe"])
def test_an_answer_that_is_not_json_is_tried_again(body: str | bytes) -> None:
    """Something between us and the tracker made it."""
    found = error_of(200, body=body)
    assert isinstance(found, Unavailable)
    assert found.retry_at is None
    assert "tracker.example sends a reply that can't be read" in str(found)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("<!doctype html><title>Sign in</title>", "text/html"), ("\n<html>", "application/json"), ("Wait", "Text/HTML")],
)
def test_a_web_page_with_status_200_is_tried_again(body: str, content_type: str) -> None:
    """A proxy's sign-in page is not an issue, and says nothing about one."""
    found = error_of(200, body=body, content_type=content_type)
    assert isinstance(found, Unavailable)
    assert str(found) == "tracker.example answers with a web page in place of JSON (200)"

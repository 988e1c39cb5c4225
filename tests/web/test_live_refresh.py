"""Refreshes of open pages: they fetch what changed, and responses are compressed."""

import re
import zlib

import pytest
from werkzeug.datastructures import Headers

from sync_service.web.request.live_refresh import DIGEST_LENGTH, digest_of
from tests.web.session_client import SessionClient

BLOCK = re.compile(r'data-block="([^"]+)"')


def digests(page: str) -> list[str]:
    """Return the digests of the blocks of a page."""
    return BLOCK.findall(page)


@pytest.mark.parametrize(
    "path",
    ["/", "/objectives", "/objectives/fast-checkout", "/key-results/KR-1", "/rules", "/connections", "/deliveries"],
)
def test_a_refresh_leaves_out_the_blocks_that_the_page_has(ana: SessionClient, path: str) -> None:
    """They are empty elements in their order; the frame of the page is not sent either."""
    page = ana.read(path)
    held = digests(page)
    response = ana.client.get(path, headers={"X-Live": "".join(held) or "none"})
    refreshed = response.get_data(as_text=True)
    assert re.findall(r'data-same="([^"]+)"', refreshed) == held
    assert digests(refreshed) == []
    assert refreshed.strip().startswith('<div id="live" data-changes="')
    assert "<html" not in refreshed


def test_a_changed_block_is_sent_whole(ana: SessionClient) -> None:
    """A page that has another version of it, or no block at all, gets it with its digest."""
    held = digests(ana.read("/objectives"))
    assert len(held) > 1
    response = ana.client.get("/objectives", headers={"X-Live": "".join(held[1:])})
    refreshed = response.get_data(as_text=True)
    assert digests(refreshed) == held[:1]
    assert digests(ana.client.get("/objectives", headers={"X-Live": "none"}).get_data(as_text=True)) == held


def test_a_refresh_does_not_use_up_a_message(ana: SessionClient) -> None:
    """A message of the last action is shown on the next page, not swallowed by a refresh in another tab."""
    ana.submit("/deliveries/replay", on="/deliveries")
    ana.client.get("/deliveries", headers={"X-Live": "none"})
    assert "No delivery is buried." in ana.read("/deliveries")


def test_a_new_csrf_token_does_not_change_a_block() -> None:
    """Tokens differ from second to second."""
    row = '<tr><input type="hidden" name="csrf_token" value="{}"><td>{}</td></tr>'
    assert digest_of(row.format("one", 1)) == digest_of(row.format("two", 1)) != digest_of(row.format("one", 2))
    assert len(digest_of("")) == DIGEST_LENGTH


def fetch(person: SessionClient, path: str, **headers: str) -> tuple[int, Headers, bytes]:
    """Return the status, the headers and the body of a response, and close its file."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with person.client.get(path, headers=named) as response:
        return response.status_code, response.headers, response.data


@pytest.mark.parametrize("path", ["/", "/static/vendor/tabler.min.css", "/static/okr.css"])
def test_responses_are_compressed(ana: SessionClient, path: str) -> None:
    """With what the client accepts; a client that accepts nothing gets it plain."""
    _, headers, plain = fetch(ana, path)
    assert "Content-Encoding" not in headers
    for _ in range(2):  # a static file comes from memory the second time
        _, headers, packed = fetch(ana, path, Accept_Encoding="gzip")
        assert headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in headers["Vary"]
        assert int(headers["Content-Length"]) == len(packed) < len(plain) / 2
        assert len(zlib.decompress(packed, wbits=31)) == pytest.approx(len(plain), rel=0.01)


def test_a_range_of_a_static_file_is_sent_as_it_is(ana: SessionClient) -> None:
    """Compressed, it would be another range, and it must not become the compressed file of everybody."""
    status, headers, body = fetch(ana, "/static/okr.css", Accept_Encoding="gzip", Range="bytes=0-9")
    assert (status, len(body), headers.get("Content-Encoding")) == (206, 10, None)

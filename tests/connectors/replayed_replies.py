"""A client that records a tracker's replies once, and replays them with one value of one reply replaced."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.http import HttpClient, Method
from connectors.responses import Response

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    10**400,
    "",
    "x" * 3000,
    "\x00\ud800",
    [],
    {},
    [[None]],
    [{"id": {}}],
)
"""Values of another type than a tracker sends, or of the right one beyond all bounds."""

Path = tuple[str | int, ...]


@dataclass
class Replies:
    """The replies of a run by what was asked, and the one that is changed."""

    recorded: dict[str, Response] = field(default_factory=dict)
    changed: dict[str, Response] = field(default_factory=dict)
    records: bool = True


@dataclass(frozen=True, kw_only=True)
class ReplayingClient(HttpClient):
    """Sends requests while it records; afterwards it answers them itself, and others with 404."""

    replies: Replies = field(default_factory=Replies)

    def send(self, method: Method, url: str, **rest: Any) -> Response:
        """Return the reply to a request."""
        asked = f"{method} {url} {json.dumps(rest.get('params'))} {json.dumps(rest.get('json'), sort_keys=True)}"
        if self.replies.records and asked not in self.replies.recorded:
            self.replies.recorded[asked] = HttpClient.send(self, method, url, **rest)
        known = self.replies.changed.get(asked) or self.replies.recorded.get(asked)
        return known or Response(url, status=404, headers={}, body=b"{}")


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path to every value of a JSON document, of a list's to those of its first row."""
    yield path
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))[:1]
        if isinstance(value, list)
        else []
    )
    for name, one in inner:
        yield from paths_in(one, (*path, name))


def with_value(value: Any, path: Path, new: Any) -> Any:
    """Return a copy with the value at a path replaced."""
    if not path:
        return new
    copied: Any = value.copy()
    copied[path[0]] = with_value(value[path[0]], path[1:], new)
    return copied


def run_with_each_reply_changed(
    run: Callable[[HttpClient], object], **options: Any
) -> Iterator[tuple[str, Path, Any, Exception]]:
    """Run something once as it is, and then with each value of each reply replaced; yield what raises an error."""
    replies = Replies()
    run(ReplayingClient(replies=replies, **options))
    replies.records = False
    for asked, reply in replies.recorded.items():
        if not reply.body:
            continue
        whole = json.loads(reply.body)
        for path in paths_in(whole):
            for odd in ODD_VALUES:
                body = json.dumps(with_value(whole, path, odd)).encode()
                replies.changed = {asked: replace(reply, body=body)}
                try:
                    run(ReplayingClient(replies=replies, **options))
                except Exception as error:  # noqa: BLE001 - what may be raised is for the caller to say
                    yield asked, path, odd, error

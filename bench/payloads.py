"""Webhook payloads for benchmarks: signed GitHub deliveries of realistic size, in any number."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator import GitHub, SteppedClock

SECRET = "a secret of the benchmarks"  # noqa: S105 - signs only these payloads
SIZE = 12_000
"""Bytes of a body: about as many as GitHub's deliveries about an issue with some text."""

ACTS = ("completed", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A signed delivery about one issue, ready to post."""

    id: str
    headers: Mapping[str, str]
    body: bytes


class Templates:
    """A payload of the simulated GitHub about one issue; all others are copies with other ids and numbers."""

    def __init__(self) -> None:
        github = GitHub("acme", clock=SteppedClock(datetime(2026, 10, 5, 9, tzinfo=UTC)))
        github.add_hook(url="http://127.0.0.1/hooks/gh", secret=SECRET)
        issue = github.repository("r0").create_issue("Pay by card", labels=["r0"])
        issue.close(reason="completed")
        closed = github.deliveries[-1]
        github.stop()
        self._headers = dict(closed.headers(None))
        self._payload: dict[str, Any] = json.loads(closed.request.body)

    def closing(self, *, repository: int, number: int, label: str, second: int, done: bool = True) -> Payload:
        """Return the delivery for an issue that was closed, or reopened, `second` seconds after the start."""
        at = datetime.fromtimestamp(1_790_000_000 + second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload = json.loads(json.dumps(self._payload))
        name = f"acme/r{repository}"
        payload["action"] = "closed" if done else "reopened"
        payload["repository"].update(id=1_000_000 + repository, name=f"r{repository}", full_name=name)
        issue = payload["issue"]
        issue.update(
            id=10_000_000 + repository * 100_000 + number,
            number=number,
            title=f"Pay by card {number}",
            state="closed" if done else "open",
            state_reason="completed" if done else "reopened",
            closed_at=at if done else None,
            updated_at=at,
            repository_url=f"https://api.github.com/repos/{name}",
            html_url=f"https://github.com/{name}/issues/{number}",
        )
        issue["labels"][0].update(id=500_000 + int(label[1:]), name=label)
        issue["body"] = "x" * max(SIZE - len(json.dumps(payload)), 0)
        return self._signed(json.dumps(payload).encode(), f"{repository}-{number}-{second}")

    def _signed(self, body: bytes, delivery_id: str) -> Payload:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        ids = {"X-GitHub-Delivery": delivery_id, "X-Hub-Signature-256": f"sha256={signature}"}
        return Payload(id=delivery_id, headers={**self._headers, **ids}, body=body)

    def copies(self, payload: Payload, *, prefix: str) -> Iterator[Payload]:
        """Yield the same delivery endlessly, each time with another delivery id."""
        number = 0
        while True:
            number += 1
            delivery_id = f"{prefix}-{number}"
            yield Payload(
                id=delivery_id, headers={**payload.headers, "X-GitHub-Delivery": delivery_id}, body=payload.body
            )

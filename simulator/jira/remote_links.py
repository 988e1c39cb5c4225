"""The remote links of a site's issues, each created and replaced by its global id."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.jira.json import Json
from simulator.jira.model.issue import Issue

_KEPT_FIELDS = ("globalId", "application", "relationship", "object")


@dataclass(eq=False, kw_only=True)
class RemoteLink:
    """A link to something outside of Jira. `body` is what was sent; a field that was left out is None."""

    id: int
    global_id: str | None
    body: Json


@dataclass(eq=False)
class RemoteLinks:
    """The remote links of one site, by the ids of their issues. `read_only`: the credentials may not write.

    It is not documented whether Jira sends a webhook for them; with `sends_webhooks` it sends an updated issue.
    """

    by_issue: dict[str, list[RemoteLink]] = field(default_factory=dict)
    read_only: bool = False
    sends_webhooks: bool = False
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(10_000))

    def of(self, issue: Issue) -> list[RemoteLink]:
        """Return an issue's links, oldest first."""
        return self.by_issue.setdefault(issue.id, [])

    def find(self, issue: Issue, global_id: str) -> RemoteLink | None:
        """Return the link of that global id."""
        return next((link for link in self.of(issue) if link.global_id == global_id), None)

    def put(self, issue: Issue, sent: Mapping[str, Any]) -> tuple[RemoteLink, bool]:
        """Create a link, or replace the one of the same global id; return whether it is new."""
        body, global_id = {name: sent.get(name) for name in _KEPT_FIELDS}, sent.get("globalId")
        known = self.find(issue, global_id) if global_id else None
        if known is not None:
            known.body = body
            return known, False
        link = RemoteLink(id=next(self._ids), global_id=global_id, body=body)
        self.of(issue).append(link)
        return link, True

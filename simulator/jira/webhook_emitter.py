"""Emit the webhooks of the simulated Jira: which messages a change causes, and which hook gets them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from simulator.jira.admin_webhooks import Hook, cloud_request, data_center_request
from simulator.jira.dynamic_webhooks import DynamicWebhooks, dynamic_request, with_matches
from simulator.jira.json import comment_json, issue_json, partial_issue_json, user_json
from simulator.jira.model.changelog import Item
from simulator.jira.model.issue import Comment, Issue
from simulator.jira.query.evaluate import QuerySite
from simulator.webhook_sender import WebhookSender

_COMMENTED = {
    "comment_created": "issue_commented",
    "comment_updated": "issue_comment_edited",
    "comment_deleted": "issue_comment_deleted",
}


class EmitterSite(QuerySite, Protocol):
    """The site, as the emitter sees it."""

    @property
    def hooks(self) -> Sequence[Hook]:
        """The webhooks that admins registered."""

    @property
    def dynamic_webhooks(self) -> DynamicWebhooks:
        """The webhooks that apps registered."""

    @property
    def flow(self) -> str:
        """`Primary`, or `Secondary` during a bulk change."""

    @property
    def webhooks(self) -> WebhookSender:
        """The sender of webhooks."""

    def reindex(self, issue: Issue) -> None:
        """Update the place of a changed issue in the store and in searches."""


class WebhookEmitter:
    """Sends webhooks to the hooks of one site."""

    def __init__(self, site: EmitterSite) -> None:
        self._site = site

    def emit_issue(self, issue: Issue, event: str, *, type_name: str | None, items: list[Item] | None) -> None:
        """Send one webhook about an issue, with its changelog if it has one."""
        self._site.reindex(issue)
        message: dict[str, Any] = {"user": user_json(self._site, self._site.actor), "issue": issue_json(issue)}
        if type_name is not None:
            message = {"issue_event_type_name": type_name, **message}
        if items is not None:
            message["changelog"] = {"id": self._site.new_id(), "items": [self._item(item) for item in items]}
        self._send(event, message, issue)

    def emit_comment(self, comment: Comment, event: str) -> None:
        """Send the webhooks of a comment: one on Cloud, two on Data Center (of a deletion, the second lacks it)."""
        self._site.reindex(comment.issue)
        body = comment_json(comment)
        if not self._site.data_center:
            self._send(event, {"comment": body, "issue": partial_issue_json(comment.issue)}, comment.issue)
            return
        self._send(event, {"comment": body}, comment.issue)
        message = {
            "issue_event_type_name": _COMMENTED[event],
            "user": user_json(self._site, self._site.actor),
            "issue": issue_json(comment.issue),
        } | ({} if event == "comment_deleted" else {"comment": body})
        self._send("jira:issue_updated", message, comment.issue)

    def emit_epic_link(self, event: str, epic: Issue, issue: Issue) -> None:
        """Send the webhook of an epic's link: it names both ends by id only, and the issues have no webhook."""
        self._site.reindex(issue)
        kind = {"id": 10200, "name": "Epic-Story Link", "outwardName": "has Epic", "inwardName": "is Epic of"}
        link = {
            "id": int(self._site.new_id()),
            "sourceIssueId": int(epic.id),
            "destinationIssueId": int(issue.id),
            "issueLinkType": {**kind, "isSubTaskLinkType": False, "isSystemLinkType": True},
            "systemLink": True,
        }
        self._send(event, {"issueLink": link}, issue)

    def _item(self, item: Item) -> Item:
        return {name: value for name, value in item.items() if not (self._site.data_center and name == "fieldId")}

    def _send(self, event: str, message: Mapping[str, Any], issue: Issue) -> None:
        milliseconds = int(self._site.clock().timestamp() * 1000)
        text = json.dumps({"timestamp": milliseconds, "webhookEvent": event, **message}, ensure_ascii=False)
        body = text.encode()
        for hook in self._site.hooks:
            if not hook.wants(event, issue, self._site):
                continue
            if self._site.data_center:
                request = data_center_request(hook, event=event, body=body)
            else:
                request = cloud_request(hook, event=event, body=body, flow=self._site.flow)
            self._site.webhooks.send(request)
        for dynamic in self._site.dynamic_webhooks.wanting(event, issue):
            sent = with_matches(body, dynamic)
            request = dynamic_request(dynamic, event=event, body=sent, flow=self._site.flow, clock=self._site.clock)
            self._site.webhooks.send(request)

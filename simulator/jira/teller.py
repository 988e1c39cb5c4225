"""What the simulated Jira tells by webhooks: which message follows from a change, and who gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.jira.bodies import comment_body, issue_body, partial_issue, user_body
from simulator.jira.dynamic import with_matches
from simulator.jira.hooks import cloud_parcel, data_center_parcel, dynamic_parcel

if TYPE_CHECKING:
    from simulator.jira.issue import Comment, Issue, Item
    from simulator.jira.site import Jira


_COMMENTED = {
    "comment_created": "issue_commented",
    "comment_updated": "issue_comment_edited",
    "comment_deleted": "issue_comment_deleted",
}


class Teller:
    """Tells the hooks of one site."""

    def __init__(self, site: Jira) -> None:
        self._site = site

    def tell_of_issue(self, issue: Issue, event: str, *, type_name: str | None, items: list[Item] | None) -> None:
        """Send one message about an issue, with its changelog where it has one."""
        self._site.issues.file_again(issue)
        message: dict[str, Any] = {"user": user_body(self._site, self._site.actor), "issue": issue_body(issue)}
        if type_name is not None:
            message = {"issue_event_type_name": type_name, **message}
        if items is not None:
            message["changelog"] = {"id": self._site.new_id(), "items": [self._item(item) for item in items]}
        self._send(event, message, issue)

    def tell_of_comment(self, comment: Comment, event: str) -> None:
        """Send what a comment causes: on Cloud one message, on Data Center two, the second of a deletion without it."""
        self._site.issues.file_again(comment.issue)
        body = comment_body(comment)
        if not self._site.data_center:
            self._send(event, {"comment": body, "issue": partial_issue(comment.issue)}, comment.issue)
            return
        self._send(event, {"comment": body}, comment.issue)
        message = {
            "issue_event_type_name": _COMMENTED[event],
            "user": user_body(self._site, self._site.actor),
            "issue": issue_body(comment.issue),
        } | ({} if event == "comment_deleted" else {"comment": body})
        self._send("jira:issue_updated", message, comment.issue)

    def _item(self, item: Item) -> Item:
        return {name: value for name, value in item.items() if not (self._site.data_center and name == "fieldId")}

    def _send(self, event: str, message: Mapping[str, Any], issue: Issue) -> None:
        milliseconds = int(self._site.clock().timestamp() * 1000)
        text = json.dumps({"timestamp": milliseconds, "webhookEvent": event, **message}, ensure_ascii=False)
        body = text.encode()
        for hook in self._site.hooks:
            if not hook.wants(event, issue):
                continue
            if self._site.data_center:
                parcel = data_center_parcel(hook, event=event, body=body)
            else:
                parcel = cloud_parcel(hook, event=event, body=body, flow=self._site.flow)
            self._site.webhooks.take(parcel)
        for dynamic in self._site.dynamic.wanting(event, issue):
            told = with_matches(body, dynamic)
            parcel = dynamic_parcel(dynamic, event=event, body=told, flow=self._site.flow, clock=self._site.clock)
            self._site.webhooks.take(parcel)

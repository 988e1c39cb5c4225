"""Jira webhook payloads for tests, from Cloud and Data Center: every field that the parser uses."""

import hashlib
import hmac
import json
from typing import Any

from sync_service.domain.trackers.connector import Connection, WebhookRequest

Json = dict[str, Any]

SECRET = "a long enough secret"
SITE = "https://acme.atlassian.net"

ANA: Json = {"accountId": "5b10a2844c20165700ede21g", "displayName": "Ana Ruiz", "active": True}
ANA_ON_SERVER: Json = {"name": "aruiz", "key": "JIRAUSER10100", "displayName": "Ana Ruiz", "active": True}
SHOP: Json = {"id": "10000", "key": "SHOP", "name": "Shop"}
PAY: Json = {"id": "10001", "key": "PAY", "name": "Payments"}

TO_DO: Json = {"id": "1", "name": "To Do", "statusCategory": {"id": 2, "key": "new", "name": "To Do"}}
IN_PROGRESS: Json = {
    "id": "3",
    "name": "Building",
    "statusCategory": {"id": 4, "key": "indeterminate", "name": "Doing"},
}
DONE: Json = {"id": "5", "name": "Shipped", "statusCategory": {"id": 3, "key": "done", "name": "Complete"}}


GREENHOPPER = "com.pyxis.greenhopper.jira"
FLOAT = "com.atlassian.jira.plugin.system.customfieldtypes:float"


def field(number: int, name: str, custom: str, *, kind: str = "number", project: str | None = None) -> Json:
    """Return a custom field as in `GET /rest/api/3/field`; `project` is the only project that has it."""
    found: Json = {
        "id": f"customfield_{number}", "key": f"customfield_{number}", "name": name, "custom": True,
        "clauseNames": [f"cf[{number}]", name], "schema": {"type": kind, "custom": custom, "customId": number},
    }  # fmt: skip
    return found | ({"scope": {"type": "PROJECT", "project": {"id": project}}} if project else {})


ESTIMATE = field(10016, "Story point estimate", f"{GREENHOPPER}:jsw-story-points")
STORY_POINTS = field(10026, "Story Points", FLOAT)
SPRINT = field(10020, "Sprint", f"{GREENHOPPER}:gh-sprint", kind="array")
EPIC_LINK = field(10014, "Epic Link", f"{GREENHOPPER}:gh-epic-link", kind="any")
PARENT_LINK = field(10018, "Parent Link", "com.atlassian.jpo:jpo-custom-field-parent", kind="any")
SUMMARY: Json = {"id": "summary", "name": "Summary", "custom": False, "schema": {"type": "string"}}
FIELDS = [SUMMARY, ESTIMATE, STORY_POINTS, SPRINT, EPIC_LINK, PARENT_LINK]
"""The fields of a site with Jira Software and Plans, as far as we read them."""


def connection(token: str | None = None, **options: Any) -> Connection:
    """Return a connection with these options."""
    return Connection(slug="acme-jira", site=SITE, token=token, options=options)


def issue(*, key: str = "SHOP-12", without: tuple[str, ...] = (), **changes: Any) -> Json:
    """Return a complete Cloud issue in To Do; `changes` replace its fields, `without` omits some."""
    fields: Json = {
        "summary": "Refunds arrive within a day",
        "issuetype": {"id": "10002", "name": "Story", "subtask": False, "hierarchyLevel": 0},
        "project": SHOP,
        "status": TO_DO,
        "resolution": None,
        "resolutiondate": None,
        "statuscategorychangedate": "2026-10-02T09:00:00.000+0200",
        "labels": ["payments", "checkout"],
        "assignee": ANA,
        "creator": ANA,
        "reporter": ANA,
        "priority": {"id": "2", "name": "High"},
        "created": "2026-10-01T10:00:00.000+0200",
        "updated": "2026-10-05T11:30:00.250+0200",
        "customfield_10014": None,
        "customfield_10016": 5.0,
        **changes,
    }
    remaining = {name: value for name, value in fields.items() if name not in without}
    return {"id": "20012", "self": f"{SITE}/rest/api/2/issue/20012", "key": key, "fields": remaining}


def done(resolution: str | None = "Done") -> Json:
    """Return an issue that was finished with `resolution`."""
    return issue(
        status=DONE,
        resolution={"id": "10000", "name": resolution} if resolution else None,
        resolutiondate="2026-10-06T12:00:00.000+0200" if resolution else None,
        statuscategorychangedate="2026-10-06T12:00:01.000+0200",
        updated="2026-10-06T12:00:02.000+0200",
    )


def item(field: str, *, old: tuple[str | None, str | None] = (None, None), **new: Any) -> Json:
    """Return an item of a changelog: `old` is (from, fromString); `to`, `toString`, `fieldId` by name."""
    return {
        "field": field, "fieldtype": "jira", "from": old[0], "fromString": old[1], "to": None, "toString": None, **new
    }  # fmt: skip


def delivery(event: str | None, *, items: list[Json] | None = None, **fields: Any) -> WebhookRequest:
    """Return a delivery of `event`; `fields` (issue, user, comment…) are added to its body."""
    body: Json = {"timestamp": 1_791_200_000_000, "webhookEvent": event, "user": ANA, **fields}
    if event is None:
        del body["webhookEvent"]
    if items is not None:
        body["changelog"] = {"id": "30001", "items": items}
    headers = {"x-atlassian-webhook-identifier": "a1b2c3d4", "content-type": "application/json"}
    return WebhookRequest(headers, json.dumps(body).encode())


def signed(post: WebhookRequest, secret: str = SECRET) -> WebhookRequest:
    """Return the delivery with a signature as Jira makes it."""
    digest = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
    return WebhookRequest({**post.headers, "x-hub-signature": f"sha256={digest}"}, post.body)

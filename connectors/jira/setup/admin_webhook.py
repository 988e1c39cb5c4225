"""Create the administrators' webhook by API: one for all watched projects, with a signature, never two.

It belongs to the site, not to an app, and stays until somebody removes it. Cloud, and Data Center before 10, have it at
one path, Data Center 10 and later at another, with another body. Its deliveries are signed only if it has a secret,
which nobody can read back. Not documented: the first version with secrets, and, for Data Center 10, the form of a JQL
filter and whether it reports that it signs.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
https://developer.atlassian.com/server/jira/platform/webhooks/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.http import Method
from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import READ_BUCKET, WRITE_BUCKET, raise_for_jira_response
from connectors.jira.setup.dynamic_webhooks import COMMENTS, EVENTS, SPRINT_AND_VERSION_EVENTS
from connectors.jira.setup.webhook_filter import filter_for_scopes
from connectors.json_fields import Json, identifier, json_object, json_objects
from connectors.responses import Response
from sync_service.domain.trackers.capabilities import WebhookResult
from sync_service.domain.trackers.connector import ConnectorError, Rejected, Unavailable

ADMIN_WEBHOOKS_BEFORE_10 = "/rest/webhooks/1.0/webhook"
ADMIN_WEBHOOKS_SINCE_10 = "/rest/jira-webhook/1.0/webhooks"

PROJECTS = ("project_updated", "project_deleted", "project_soft_deleted", "project_restored_deleted",
            "project_archived", "project_restored_archived")  # fmt: skip

LINKS = ("issuelink_created", "issuelink_deleted")
"""On Data Center they alone say that an issue has another epic."""

FILTER = "issue-related-events-section"
"""Name of the JQL filter for issue events."""

_FIRST_NEWER = 10
_NEEDS_ADMINISTRATOR = (401, 403, 404)
_UNSIGNED = (
    "Jira does not sign what this webhook sends, and OKR Sync refuses unsigned deliveries: create it by hand with the "
    "secret. If the form has no field for a secret, this Jira is too old for signed webhooks"
)


def list_admin_webhooks(calls: JiraClient) -> tuple[str, Response]:
    """List the administrators' webhooks; return the path that has them, and the response, whatever its status."""
    for address in _addresses(calls):
        reply = _send(calls, "GET", address)
        if reply.status != 404:
            break
    return address, reply


def read_hooks(reply: Response) -> list[Json] | None:
    """Return the webhooks in a response of either form; None when it has no list."""
    if reply.status != 200:
        return None
    try:
        return [*reply.objects()]
    except Unavailable:
        return None
    except Rejected:
        found = reply.object_or_empty()
        return json_objects(found.get("values")) if found else None


def is_our_url(url: object, *, to: str) -> bool:
    """Return whether a webhook's URL is ours, ignoring the query string."""
    address = url.partition("?")[0].strip().rstrip("/") if isinstance(url, str) else ""
    return bool(address) and address == to.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreator:
    """Creates the webhook for one URL. `secret` signs its deliveries."""

    calls: JiraClient
    url: str
    secret: str = field(repr=False)

    def create(self, scopes: Sequence[str]) -> WebhookResult:
        """Create the webhook, or update the existing one."""
        where = ", ".join(scopes[:20]) + (" …" if len(scopes) > 20 else "") or "every project"
        try:
            says = self._create_or_update(filter_for_scopes(scopes))
        except ConnectorError as error:
            return WebhookResult(where=where, made=False, says=str(error))
        return WebhookResult(where=where, made=True, says=says)

    def _create_or_update(self, jql: str) -> str:
        address, reply = list_admin_webhooks(self.calls)
        existing = self._ours(reply)
        request = _WebhookRequest(address, existing[0][0] if existing else None)
        answer = self._write(request, jql)
        after = self._ours(_send(self.calls, "GET", address))
        id_ = request.id or _id_of(answer) or (after[0][0] if len(after) == 1 else None)
        if not existing and after and id_ and id_ != after[0][0]:
            # Somebody else created one at the same moment: the older one stays.
            self._raise_for_reply(_send(self.calls, "DELETE", f"{address}/{id_}"), WRITE_BUCKET)
            return "its webhook existed"
        signs = _signs(answer, *(row for other, row in after if other == id_))
        if signs is False or (signs is None and address == ADMIN_WEBHOOKS_BEFORE_10):
            if not existing and id_:
                self._raise_for_reply(_send(self.calls, "DELETE", f"{address}/{id_}"), WRITE_BUCKET)
            raise Rejected(_UNSIGNED)
        outcome = (
            "its webhook existed and was updated with the newest secret" if existing else "the webhook was created"
        )
        unsure = "Jira does not say whether it signs: the first delivery shows it" if signs is None else ""
        several = f"{len(after)} webhooks send to OKR Sync: remove all but one in Jira" if len(after) > 1 else ""
        return ". ".join(filter(None, (outcome, unsure, several)))

    def _ours(self, reply: Response) -> list[tuple[str, Json]]:
        """Return the webhooks with our URL, each with its id, oldest first."""
        self._raise_for_reply(reply, READ_BUCKET)
        found = read_hooks(reply)
        if found is None:
            raise Rejected(f"{reply.shown_host} answers with something other than a list of webhooks")
        ours = [(id_, one) for one in found if is_our_url(one.get("url"), to=self.url) and (id_ := _id_of(one))]
        return sorted(ours, key=lambda one: int(one[0]))

    def _write(self, request: "_WebhookRequest", jql: str) -> Json:
        """Create or update a webhook, with fewer events if this Jira does not know all; return Jira's answer."""
        links = () if self.calls.is_cloud else LINKS
        for events in ((*EVENTS, *COMMENTS, *SPRINT_AND_VERSION_EVENTS, *PROJECTS, *links), (*EVENTS, *COMMENTS)):
            body = request.body(self._name(), url=self.url, secret=self.secret, events=events, jql=jql)
            reply = _send(self.calls, request.method, request.path, json=body)
            if reply.status != 400:
                break
        self._raise_for_reply(reply, WRITE_BUCKET)
        return reply.object_or_empty()

    def _name(self) -> str:
        return f"OKR Sync ({self.calls.connection.slug})"

    def _raise_for_reply(self, reply: Response, bucket: str) -> None:
        """Raise for any response but a successful one; explain when only an administrator may."""
        try:
            raise_for_jira_response(reply, now=self.calls.http.now(), bucket=bucket)
        except Unavailable:
            raise
        except ConnectorError:
            if reply.status not in _NEEDS_ADMINISTRATOR:
                raise
            raise Rejected(
                f"the account may not see or change webhooks ({reply.status}); only a Jira administrator may: ask "
                "one to create it by hand, or paste an administrator's token"
            ) from None


@dataclass(frozen=True, slots=True)
class _WebhookRequest:
    """A webhook to write at a path: an existing one with its id, or a new one."""

    address: str
    id: str | None

    @property
    def method(self) -> Method:
        return "PUT" if self.id else "POST"

    @property
    def path(self) -> str:
        return f"{self.address}/{self.id}" if self.id else self.address

    def body(self, name: str, *, url: str, secret: str, events: Sequence[str], jql: str) -> dict[str, Any]:
        """Return the request body for the path. Data Center 10 gets no filter: a misread one would pass nothing."""
        common: dict[str, Any] = {"name": name, "url": url, "events": list(events)}
        if self.address == ADMIN_WEBHOOKS_BEFORE_10:
            return {**common, "enabled": True, "filters": {FILTER: jql}, "excludeBody": False, "secret": secret}
        configuration = {"SECRET": secret, "EXCLUDE_BODY": "false"}
        id_field = {"id": int(self.id)} if self.id else {}
        return {**common, **id_field, "active": True, "scopeType": "global", "configuration": configuration}


def _addresses(calls: JiraClient) -> tuple[str, ...]:
    """Return the paths where the webhooks may be, the likely one first; the other is tried after a 404."""
    if calls.is_cloud:
        return (ADMIN_WEBHOOKS_BEFORE_10,)
    return (
        (ADMIN_WEBHOOKS_BEFORE_10, ADMIN_WEBHOOKS_SINCE_10)
        if _major(calls.send("GET", "/serverInfo")) < _FIRST_NEWER
        else (ADMIN_WEBHOOKS_SINCE_10, ADMIN_WEBHOOKS_BEFORE_10)
    )


def _major(reply: Response) -> int:
    """Return the major version of a server; 10 when it does not say."""
    numbers = reply.object_or_empty().get("versionNumbers") if reply.status == 200 else None
    first = numbers[0] if isinstance(numbers, list) and numbers else None
    return first if isinstance(first, int) else _FIRST_NEWER


def _send(calls: JiraClient, method: Method, path: str, *, json: Any = None) -> Response:
    address = calls.auth.base + path
    return calls.http.send(method, address, authorization=calls.auth.authorization, json=json)


def _id_of(row: Json) -> str | None:
    """Return the id of a webhook, from the end of its `self` URL when the field is absent."""
    itself = row.get("self")
    return identifier(row.get("id")) or (identifier(itself.rpartition("/")[2]) if isinstance(itself, str) else None)


def _signs(*answers: Json) -> bool | None:
    """Return whether a webhook has a secret, as Jira reports it; None when Jira does not say."""
    for row in answers:
        if isinstance(row.get("isSigned"), bool):
            return bool(row["isSigned"])
        if json_object(row.get("configuration")).get("SECRET"):
            return True
    return None

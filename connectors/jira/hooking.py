"""The webhook that administrators register, made by calls: one for all watched projects, signed, and never doubled.

It belongs to the site and not to an app, and lives until it is removed. Cloud, and Data Center before 10, have it at
one address, Data Center from 10 on at another, with a body of another form. What is sent bears a signature only where
it has a secret, which nobody can read again. Which version first took secrets is not documented, and neither is how 10
writes a JQL filter nor whether it tells that it signs.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
https://developer.atlassian.com/server/jira/platform/webhooks/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.fields import Json, identifier, rows, table
from connectors.http import Method
from connectors.jira.calls import Calls
from connectors.jira.filters import jql_of
from connectors.jira.limits import READING, WRITING, judge_call
from connectors.jira.webhooks import COMMENTS, EVENTS, PLANS
from connectors.replies import Reply
from sync_service.domain.abilities import HookMade
from sync_service.domain.connectors import ConnectorError, Rejected, Unavailable

OLDER = "/rest/webhooks/1.0/webhook"
NEWER = "/rest/jira-webhook/1.0/webhooks"

PROJECTS = ("project_updated", "project_deleted", "project_soft_deleted", "project_restored_deleted",
            "project_archived", "project_restored_archived")  # fmt: skip

FILTER = "issue-related-events-section"
"""What a JQL filter is called that is about issues."""

_FIRST_NEWER = 10
_NO_CHOICE = (401, 403, 404)
_UNSIGNED = (
    "Jira does not sign what this webhook sends, and what is not signed is refused here: make it by hand with the "
    "secret. Where the form has no field for one, this Jira is too old for signed webhooks"
)


def listed(calls: Calls) -> tuple[str, Reply]:
    """Ask for the webhooks of administrators; give the address that has them, and its reply, whatever its status."""
    for address in _addresses(calls):
        reply = _send(calls, "GET", address)
        if reply.status != 404:
            break
    return address, reply


def read_hooks(reply: Reply) -> list[Json] | None:
    """Read a list of webhooks, of any form; None where there is none to be seen."""
    if reply.status != 200:
        return None
    try:
        return [*reply.objects()]
    except Rejected:
        pass
    try:
        return rows(reply.object().get("values"))
    except Rejected:
        return None


def leads(url: object, *, to: str) -> bool:
    """Tell whether a webhook's address is ours; what stands behind a question mark changes nothing here."""
    leading = url.partition("?")[0].strip().rstrip("/") if isinstance(url, str) else ""
    return bool(leading) and leading == to.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooking:
    """Makes the webhook that goes to one address. `secret` signs what it sends."""

    calls: Calls
    url: str
    secret: str = field(repr=False)

    def make(self, scopes: Sequence[str]) -> HookMade:
        """Make it, or set anew the one that is there."""
        where = ", ".join(scopes[:20]) + (" …" if len(scopes) > 20 else "") or "every project"
        try:
            says = self._one(jql_of(scopes))
        except ConnectorError as error:
            return HookMade(where=where, made=False, says=str(error))
        return HookMade(where=where, made=True, says=says)

    def _one(self, jql: str) -> str:
        address, reply = listed(self.calls)
        there = self._ours(reply)
        wanted = _Wanted(address, there[0][0] if there else None)
        known = self._write(wanted, jql)
        after = self._ours(_send(self.calls, "GET", address))
        id_ = wanted.id or _id_of(known) or (after[0][0] if len(after) == 1 else None)
        if not there and after and id_ and id_ != after[0][0]:
            # Somebody else made one at the same moment: the older one stays.
            self._judge(_send(self.calls, "DELETE", f"{address}/{id_}"), WRITING)
            return "its webhook was there"
        signs = _signs(known, *(row for other, row in after if other == id_))
        if signs is False or (signs is None and address == OLDER):
            if not there and id_:
                self._judge(_send(self.calls, "DELETE", f"{address}/{id_}"), WRITING)
            raise Rejected(_UNSIGNED)
        done = "its webhook was there, and is set anew with the newest secret" if there else "a webhook was made"
        unsure = "Jira does not tell whether it signs: the first delivery shows it" if signs is None else ""
        several = f"{len(after)} webhooks lead here: remove all but one in Jira" if len(after) > 1 else ""
        return ". ".join(filter(None, (done, unsure, several)))

    def _ours(self, reply: Reply) -> list[tuple[str, Json]]:
        """Give the webhooks that lead to our address, each with its id, the oldest first."""
        self._judge(reply, READING)
        found = read_hooks(reply)
        if found is None:
            raise Rejected(f"{reply.place} answers with something that is no list of webhooks")
        ours = [(id_, one) for one in found if leads(one.get("url"), to=self.url) and (id_ := _id_of(one))]
        return sorted(ours, key=lambda one: int(one[0]))

    def _write(self, wanted: "_Wanted", jql: str) -> Json:
        """Make or change a webhook, with fewer events where this Jira does not know all; give what it tells of it."""
        for events in ((*EVENTS, *COMMENTS, *PLANS, *PROJECTS), (*EVENTS, *COMMENTS)):
            body = wanted.body(self._name(), url=self.url, secret=self.secret, events=events, jql=jql)
            reply = _send(self.calls, wanted.method, wanted.path, json=body)
            if reply.status != 400:
                break
        self._judge(reply, WRITING)
        try:
            return reply.object()
        except Rejected:
            return {}

    def _name(self) -> str:
        return f"OKR Sync ({self.calls.connection.slug})"

    def _judge(self, reply: Reply, part: str) -> None:
        """Raise for any reply but a good one; what takes an administrator is said in words."""
        try:
            judge_call(reply, now=self.calls.http.now(), part=part)
        except Unavailable:
            raise
        except ConnectorError:
            if reply.status not in _NO_CHOICE:
                raise
            raise Rejected(
                f"the account may not see or change webhooks ({reply.status}), which takes a Jira administrator: let "
                "one make it by hand, or paste the token of one"
            ) from None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A webhook to be written at an address: the one of an id, or a new one."""

    address: str
    id: str | None

    @property
    def method(self) -> Method:
        return "PUT" if self.id else "POST"

    @property
    def path(self) -> str:
        return f"{self.address}/{self.id}" if self.id else self.address

    def body(self, name: str, *, url: str, secret: str, events: Sequence[str], jql: str) -> dict[str, Any]:
        """Write it in the form of its address. A filter that 10 misread would let nothing through: it gets none."""
        common: dict[str, Any] = {"name": name, "url": url, "events": list(events)}
        if self.address == OLDER:
            return {**common, "enabled": True, "filters": {FILTER: jql}, "excludeBody": False, "secret": secret}
        configuration = {"SECRET": secret, "EXCLUDE_BODY": "false"}
        known = {"id": int(self.id)} if self.id else {}
        return {**common, **known, "active": True, "scopeType": "global", "configuration": configuration}


def _addresses(calls: Calls) -> tuple[str, ...]:
    """Give where the webhooks are, the likely place first; the other one is asked where there is none."""
    if calls.is_cloud:
        return (OLDER,)
    return (OLDER, NEWER) if _major(calls.send("GET", "/serverInfo")) < _FIRST_NEWER else (NEWER, OLDER)


def _major(reply: Reply) -> int:
    """Read the first number of a server's version; that of the newer ones where it does not tell."""
    try:
        numbers = reply.object().get("versionNumbers") if reply.status == 200 else None
    except Rejected:
        numbers = None
    first = numbers[0] if isinstance(numbers, list) and numbers else None
    return first if isinstance(first, int) else _FIRST_NEWER


def _send(calls: Calls, method: Method, path: str, *, json: Any = None) -> Reply:
    address = calls.by.base + path
    return calls.http.send(method, address, authorization=calls.by.authorization, json=json)


def _id_of(row: Json) -> str | None:
    """Read the id of a webhook, which stands at the end of its own address where it is not told."""
    itself = row.get("self")
    return identifier(row.get("id")) or (identifier(itself.rpartition("/")[2]) if isinstance(itself, str) else None)


def _signs(*told: Json) -> bool | None:
    """Tell whether a webhook has a secret, by what Jira tells of it; None where it tells nothing."""
    for row in told:
        if isinstance(row.get("isSigned"), bool):
            return bool(row["isSigned"])
        if table(row.get("configuration")).get("SECRET"):
            return True
    return None

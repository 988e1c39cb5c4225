"""Whether a connection to Jira works: credentials, permissions, time zone, fields, resolutions, and the webhook.

What takes an administrator is told as such where the account is none: it need not be wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from connectors.fields import Json, exact, identifier, table, text
from connectors.jira.calls import Calls
from connectors.jira.catalogue import Catalogue, Catalogues, informed, is_field_id
from connectors.jira.filters import left_out, projects_in
from connectors.jira.hooking import FILTER, leads, listed, read_hooks
from connectors.jira.numbers import Place, number_fields, number_place, points_field, points_place
from connectors.jira.webhooks import COMMENTS, EVENTS
from connectors.jira.writing import wants_comments
from sync_service.domain.connectors import ConnectorError, Gone
from sync_service.domain.examining import Finding

MOST_SCOPES = 200
"""Projects looked at in one examination."""

MOST_NAMED = 10
LONGEST_OFFER = 300
_BROWSE = "BROWSE_PROJECTS"
_WRITING: Mapping[str, str] = {
    "LINK_ISSUES": "Link Issues",
    "ADD_COMMENTS": "Add Comments",
    "EDIT_OWN_COMMENTS": "Edit Own Comments",
}
"""What writing takes, by its key: to link first, and what follows to comment."""
_SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Examination:
    """One connection, examined with its credentials."""

    calls: Calls
    projects: list[str] = field(default_factory=list)
    """The ids of the projects that are shown to us."""

    def run(self, scopes: Sequence[str], *, hooked: bool) -> Iterator[Finding]:
        """Look at everything; what the credentials are refused for ends it, since nothing else can be asked."""
        try:
            reply = self.calls.send("GET", "/myself")
            self.calls.judge(reply)
            me = reply.object()
        except ConnectorError as error:
            mend = "make a new token at Atlassian, or consent anew, and see that site and e-mail address are right"
            yield Finding(what="credentials", well=False, says=str(error), mend=mend)
            return
        face = "Cloud" if self.calls.is_cloud else "Data Center"
        name = text(me.get("displayName"), 100) or "an account without a name"
        yield Finding(what="credentials", well=True, says=f"accepted: {name}, on {face}")
        theirs = reply.date()
        if theirs is not None and abs(theirs - self.calls.http.now()) > _SKEW:
            apart = abs(theirs - self.calls.http.now()).total_seconds()
            mend = "is time kept by NTP on this machine?"
            yield Finding(what="clock", well=None, says=f"Jira's and ours are {apart:.0f} s apart", mend=mend)
        yield from _zone(me)
        for key in islice(scopes, MOST_SCOPES):
            yield from self._safely(key, self._project(key))
        if len(scopes) > MOST_SCOPES:
            yield Finding(what="projects", well=None, says=f"only the first {MOST_SCOPES} were looked at")
        yield from self._safely("fields", self._numbers())
        yield from self._safely("dropped_resolutions", self._resolutions())
        if hooked:
            yield from self._safely("webhook", self._webhook(scopes))

    def _safely(self, what: str, found: Iterator[Finding]) -> Iterator[Finding]:
        try:
            yield from found
        except ConnectorError as error:
            yield Finding(what=what, well=False, says=str(error))

    def _project(self, key: str) -> Iterator[Finding]:
        """See whether a project is shown to us, and whether we may read its issues."""
        try:
            shown = self.calls.get(f"/project/{key}")
            told = self.calls.get("/mypermissions", {"projectKey": key, "permissions": ",".join([_BROWSE, *_WRITING])})
        except Gone as error:
            mend = f"let the account browse it, or take {key} out of the connection's scopes"
            yield Finding(what=key, well=False, says=str(error), mend=mend)
            return
        self.projects.extend(filter(None, [identifier(shown.get("id"))]))
        if not _may(told, _BROWSE):
            mend = "give the account the permission Browse Projects in this project"
            yield Finding(what=key, well=False, says="its issues can't be read", mend=mend)
        elif exact(shown.get("key"), 100) not in (key, None):
            says = f"is called {exact(shown.get('key'), 100)} now"
            yield Finding(what=key, well=None, says=says, mend="write its new key, and apply it")
        elif shown.get("archived") is True:
            yield Finding(what=key, well=None, says="is archived: nothing will move there")
        elif lacking := [name for permission, name in self._writes() if not _may(told, permission)]:
            mend = "give the account these permissions in this project, or take write_back or write_comments out"
            says = f"its issues can be read, but not written on: {', '.join(lacking)} missing"
            yield Finding(what=key, well=False, says=says, mend=mend)
        else:
            yield Finding(what=key, well=True, says="can be read")

    def _writes(self) -> Sequence[tuple[str, str]]:
        """Give the permissions that writing takes, as it is switched on."""
        connection = self.calls.connection
        wanted = [*_WRITING.items()] if connection.writes_back else []
        return wanted if wants_comments(connection) else wanted[:1]

    def _numbers(self) -> Iterator[Finding]:
        """Find the fields of points and numbers. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/."""
        known = Catalogues().fetch(self.calls.connection, lambda: self._list("/field"))
        if known.problem:
            yield Finding(what="fields", well=None, says=known.problem)
            return
        knowing = informed(self.calls.connection, known)
        wanted = points_field(knowing)
        points = [points_place(knowing, project) for project in self.projects or (None,)]
        if wanted or any(place.unclear or place.ids for place in points):
            yield _field("points_field", wanted, known, points)
        for name in number_fields(knowing):
            places = [number_place(knowing, name, project) for project in self.projects or (None,)]
            yield _field(f"number_fields, {name}", name, known, places)

    def _resolutions(self) -> Iterator[Finding]:
        """Find those that a connection names and its site does not have."""
        wanted = self.calls.connection.texts("dropped_resolutions")
        if not wanted:
            return
        known = [name for one in self._list("/resolution") if (name := text(one.get("name"), 100))]
        have = {_folded(name) for name in known}
        missing = [name for name in wanted if _folded(name) not in have]
        if missing:
            mend = f"the site has: {', '.join(known[: 3 * MOST_NAMED])}"
            says = f"not at this site: {', '.join(missing[:MOST_NAMED])}"
            yield Finding(what="dropped_resolutions", well=None, says=says, mend=mend)
        else:
            yield Finding(what="dropped_resolutions", well=True, says="all are at this site")

    def _list(self, path: str) -> list[Json]:
        reply = self.calls.send("GET", path)
        self.calls.judge(reply)
        return [*reply.objects()]

    def _webhook(self, scopes: Sequence[str]) -> Iterator[Finding]:
        """Find the webhook among those that administrators register, or those of an OAuth app."""
        if self.calls.connection.client:
            reply = self.calls.send("GET", "/webhook")
        else:
            _, reply = listed(self.calls)
        found = read_hooks(reply)
        if found is None:
            says = "whether one leads here can't be told with these credentials"
            mend = "an administrator sees it under System, WebHooks; it takes no more than that to work"
            yield Finding(what="webhook", well=None, says=says, mend=mend)
            return
        url = self.calls.connection.hook_url
        ours = [one for one in found if leads(one.get("url"), to=url)]
        if not ours:
            mend = f"make it on the connection's page, or in Jira under System, WebHooks, with the URL {url}"
            yield Finding(what="webhook", well=False, says="none leads here", mend=mend)
        for one in ours:
            yield _judged(one, scopes)


def _may(told: Json, permission: str) -> bool:
    return table(table(told.get("permissions")).get(permission)).get("havePermission") is True


def _zone(me: Json) -> Iterator[Finding]:
    zone = exact(me.get("timeZone"), 60)
    if zone:
        says = f"dates in JQL are read in {zone}; those that we ask by are moments, which no zone changes"
        yield Finding(what="time zone", well=True, says=says)


def _field(what: str, wanted: str | None, known: Catalogue, places: Sequence[Place]) -> Finding:
    """Judge what a setting leads to: one field for each project, several of one name, or none."""
    names = {one.id: one.name for one in known.fields}
    offers = ", ".join(f"{one.name} ({one.id})" for one in known.fields if one.is_number)[:LONGEST_OFFER]
    unclear = dict.fromkeys(place.unclear for place in places if place.unclear)
    ids = dict.fromkeys(found for place in places for found in place.ids or ())
    shown = f"numeric fields that the account may see: {offers or 'none'}"
    if unclear:
        return Finding(what=what, well=False, says="; ".join(unclear), mend=shown)
    if not ids or not set(ids) <= set(names):
        return Finding(what=what, well=False, says=f"there is no field {wanted} that the account may see", mend=shown)
    by_name = wanted is not None and not is_field_id(wanted)
    mend = "named by its id, webhooks tell it without a look" if by_name else None
    return Finding(what=what, well=True, says=", ".join(f"{names[one]} ({one})" for one in ids), mend=mend)


def _judged(hook: Json, scopes: Sequence[str]) -> Finding:
    if hook.get("enabled") is False or hook.get("active") is False:
        return Finding(what="webhook", well=False, says="is switched off", mend="switch it on in Jira")
    events = {one for one in hook.get("events") or () if isinstance(one, str)}
    missing = sorted({*EVENTS, *COMMENTS} - events)
    if missing and "*" not in events:
        mend = "choose these events too, in Jira under System, WebHooks"
        well = False if set(EVENTS) & set(missing) else None
        return Finding(what="webhook", well=well, says=f"is not told of {', '.join(missing)}", mend=mend)
    filter_ = table(hook.get("filters")).get(FILTER)
    hidden = left_out(filter_, scopes)
    if hidden:
        mend = "make it anew on the connection's page, or name them in its filter in Jira"
        named = ", ".join(hidden[:MOST_NAMED])
        if (projects_in(filter_) or frozenset()) - {one.casefold() for one in scopes}:
            says = f"its JQL filter does not name {named} by key; what else it names may be those by id or name"
            return Finding(what="webhook", well=None, says=says, mend=mend)
        says = f"its JQL filter lets nothing through of {named}"
        return Finding(what="webhook", well=False, says=says, mend=mend)
    until = text(hook.get("expirationDate"), 40)
    return Finding(what="webhook", well=True, says="leads here" + (f", until {until}" if until else ""))


def _folded(name: object) -> str:
    return name.strip().casefold().replace("\u2019", "'") if isinstance(name, str) else ""

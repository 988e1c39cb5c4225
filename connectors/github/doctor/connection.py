"""Doctor checks of a GitHub connection: credentials, permissions, clock skew, rate limit and each repository.

A check that these credentials don't permit is reported as such: it need not be an error.
"""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from urllib.parse import quote

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.credentials import Credentials
from connectors.github.api.graphql import FORBIDDEN
from connectors.github.api.site import Site, error_text
from connectors.github.doctor.webhooks import WebhookChecks, missing_events
from connectors.github.doctor.whole_list import Reply, read_list
from connectors.github.model.number_fields import number_fields_of
from connectors.github.setup.onboarding import missing_permissions as lacking_of
from connectors.github.webhook.events import parsed_events
from connectors.json_fields import Json, exact_text, json_object, json_objects, number, text, timestamp
from connectors.responses import Response, is_about_credentials, raise_for_response
from sync_service.domain.text import counted
from sync_service.domain.trackers.connector import Connection, ConnectorError, Gone, Refused
from sync_service.domain.trackers.diagnostics import Finding

SOON = timedelta(days=14)
"""Warn when a token expires within this time."""

MOST_SCOPES = 200
"""Most repositories to check: each needs some calls."""

_SKEW = timedelta(seconds=30)
_SCARCE = 0.1
_EXPIRATION = "github-authentication-token-expiration"
_RENEW = "make a new token at GitHub, and apply the connection with it"
_INSTALL = "install the app on the account that has the repositories, from its page at GitHub"
_PROJECTS_PERMISSION = "organization_projects"
_PROJECTS_QUERY = "query($login: String!) { organization(login: $login) { projectsV2(first: 1) { totalCount } } }"
_HIDDEN = "its projects can't be read: points and numbers come from issue fields only"
_GRANT = "if a project has them, grant the organization permission Projects: read-only"

_NUMBERS = re.compile(r"(?P<major>[0-9]{1,4})\.(?P<minor>[0-9]{1,4})(?![0-9])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChecks:
    """The checks of one connection, with its credentials."""

    connection: Connection
    site: Site
    credentials: Credentials
    now: Callable[[], datetime]

    def run(self, scopes: Sequence[str], *, hooked: bool) -> Iterator[Finding]:
        """Run all checks. Stop when the credentials are refused, because no other call would work."""
        app = self.credentials if isinstance(self.credentials, AppCredentials) else None
        reply = yield from self._owner(app)
        if reply is None:
            return
        if app:
            yield from self._safely("installations", self._installations(app))
        yield from self._safely("limit", self._limit(scopes))
        if not app and number_fields_of(self.connection).names:
            yield from self._safely("projects", _examine_projects(scopes[:MOST_SCOPES], self._ask_graph))
        for name in islice(scopes, MOST_SCOPES):
            yield from self._safely(name, self._scope(name))
        if len(scopes) > MOST_SCOPES:
            yield Finding(what="repositories", well=None, says=f"only the first {MOST_SCOPES} were checked")
        if hooked:
            hooks = WebhookChecks(
                connection=self.connection, credentials=self.credentials, ask=self._ask, lacking=_is_older(reply)
            )
            yield from self._safely("webhook", hooks.run(scopes[:MOST_SCOPES]))

    def _safely(self, what: str, found: Iterator[Finding]) -> Iterator[Finding]:
        try:
            yield from found
        except ConnectorError as error:
            yield Finding(what=what, well=False, says=str(error))

    def _ask(self, path: str, *, about: str, params: Mapping[str, str] | None = None) -> Response:
        """Call with the credentials that can see a repository. An empty `about` means the app itself, or the token."""
        if not about and isinstance(self.credentials, AppCredentials):
            return self.credentials.as_app("GET", path, params=params).reply
        return self.credentials.use(
            about, lambda who: self.site.send("GET", path, authorization=who, params=params)
        ).reply

    def _ask_graph(self, question: Json, about: str) -> Response:
        reply = self.credentials.use(
            about, lambda who: self.site.send("POST", "/graphql", authorization=who, json=question)
        ).reply
        raise_for_response(reply, now=self.now(), words=error_text(reply))
        return reply

    def _owner(self, app: AppCredentials | None) -> Generator[Finding, None, Response | None]:
        """Check who owns the credentials. The generator's return value is the reply, None when they are refused."""
        try:
            reply = self._ask("/app" if app else "/user", about="")
            if app or reply.status != 403:  # a token of an installation has no user, and may still work
                raise_for_response(reply, now=self.now(), words=error_text(reply))
        except ConnectorError as error:
            mend = "give the app's id and the whole .pem file that GitHub made for it" if app else _RENEW
            about = is_about_credentials(error) or (app is not None and isinstance(error, Gone))
            yield Finding(what="credentials", well=False, says=str(error), mend=mend if about else None)
            return None
        body = reply.object() if reply.status == 200 else {}
        yield Finding(what="credentials", well=True, says=f"accepted: {_name(body, app=app is not None)}")
        yield from self._expiry(reply)
        yield from self._clock(reply)
        yield from _version(reply)
        if app:
            yield from _app_wants(body, writes_back=self.connection.writes_back, lacking=_is_older(reply))
        return reply

    def _expiry(self, reply: Response) -> Iterator[Finding]:
        """Check when the token expires. https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation."""
        ends = _expiration(reply)
        if ends is None:
            return
        left = ends - self.now()
        says = f"the token expires on {ends:%Y-%m-%d}, in {counted(max(left.days, 0), 'day')}"
        soon = left < SOON
        yield Finding(what="expiry", well=None if soon else True, says=says, mend=_RENEW if soon else None)

    def _clock(self, reply: Response) -> Iterator[Finding]:
        theirs = reply.date()
        if theirs is None:
            return
        skew = theirs - self.now()
        if abs(skew) <= _SKEW:
            yield Finding(what="clock", well=True, says="ours and GitHub's agree")
            return
        says = f"GitHub's is {abs(skew).total_seconds():.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} ours"
        yield Finding(what="clock", well=None, says=says, mend="is time kept by NTP on this machine?")

    def _installations(self, app: AppCredentials) -> Iterator[Finding]:
        def page(params: Mapping[str, str]) -> Reply:
            reply = app.as_app("GET", "/app/installations", params=params).reply
            raise_for_response(reply, now=self.now(), words=error_text(reply))
            return reply.objects(), reply.names_next_page

        found = read_list(page)
        if not found.rows:
            yield Finding(what="installations", well=False, says="the app is not installed", mend=_INSTALL)
        for one in found.rows:
            yield (finding := _installation(one, writes_back=self.connection.writes_back))
            if finding.well and number_fields_of(self.connection).names:
                yield from _installation_sees(finding.what, json_object(one.get("permissions")))
        if found.more:
            says = f"only the first {len(found.rows)} were checked; there are more"
            yield Finding(what="installations", well=None, says=says)

    def _limit(self, scopes: Sequence[str]) -> Iterator[Finding]:
        """Check the rate limit; this call does not count. https://docs.github.com/en/rest/rate-limit/rate-limit."""
        if isinstance(self.credentials, AppCredentials) and not scopes:
            return
        try:
            reply = self._ask("/rate_limit", about=scopes[0] if scopes else "")
            if reply.status == 404:
                yield Finding(what="limit", well=True, says="this server has no rate limit")
                return
            raise_for_response(reply, now=self.now(), words=error_text(reply))
        except Gone:
            return  # the check of the repository reports it
        core = json_object(json_object(reply.object().get("resources")).get("core"))
        most, left = number(core.get("limit")), number(core.get("remaining"))
        if most and left is not None:
            says = f"{left:.0f} of {most:.0f} calls an hour are left"
            scarce = left < most * _SCARCE
            mend = "does anybody else use these credentials? A separate app has its own rate limit" if scarce else None
            yield Finding(what="limit", well=None if scarce else True, says=says, mend=mend)

    def _scope(self, name: str) -> Iterator[Finding]:
        path = "/repos/" + quote(name, safe="/")
        try:
            reply = self._ask(path, about=name)
            raise_for_response(reply, now=self.now(), words=error_text(reply))
        except (Gone, Refused) as error:  # the credentials were accepted, so the error is about this repository
            mend = "give the token or app access to it, or remove it from the connection's scopes"
            yield Finding(what=name, well=False, says=str(error), mend=mend)
            return
        yield _repository(name, reply.object())
        if not isinstance(self.credentials, AppCredentials):  # an app's permissions are checked at its installation
            for what, permission in (("issues", "issues"), ("pulls/1", "pull_requests")):
                yield from self._may_read(name, f"{path}/{what}", permission)

    def _may_read(self, name: str, path: str, permission: str) -> Iterator[Finding]:
        """Report a missing permission, even when there is nothing to read."""
        reply = self._ask(path, about=name, params={"per_page": "1"})
        try:
            raise_for_response(reply, now=self.now(), words=error_text(reply))
        except Gone:
            return
        except Refused:
            pass
        else:
            return
        says = f"the permission {permission}: read is missing ({reply.status}: {error_text(reply)})"
        mend = f"grant it {permission}: read for this repository, at GitHub's page of the token"
        yield Finding(what=name, well=False, says=says, mend=mend)


def _expiration(reply: Response) -> datetime | None:
    """Parse `2026-12-01 10:00:00 UTC`, or the same with an offset."""
    day, _, rest = reply.header(_EXPIRATION).partition(" ")
    hour, _, zone = rest.partition(" ")
    return timestamp(f"{day}T{hour}{'+00:00' if zone == 'UTC' else zone}")


def _name(body: Json, *, app: bool) -> str:
    name = exact_text(body.get("slug" if app else "login"), 100) or "unknown owner"
    return f"app {name}" if app else name


def _version(reply: Response) -> Iterator[Finding]:
    version = text(reply.header("X-GitHub-Enterprise-Version"), 30)
    if version:
        older = "; it does not send sub-issues, types and issue fields" if _is_older(reply) else ""
        yield Finding(what="version", well=None if older else True, says=f"GitHub Enterprise Server {version}{older}")


def _is_older(reply: Response) -> bool:
    """Return whether it is an Enterprise Server 3.19 or older: its API description has no sub-issues."""
    found = _NUMBERS.match(reply.header("X-GitHub-Enterprise-Version"))
    return found is not None and (int(found["major"]), int(found["minor"])) <= (3, 19)


def _app_wants(body: Json, *, writes_back: bool, lacking: bool) -> Iterator[Finding]:
    """Compare the permissions and events that the app requests with those needed."""
    missing = ", ".join(lacking_of(json_object(body.get("permissions")), writes_back=writes_back))
    if missing:
        mend = "add them on the app's page at GitHub, Permissions & events; each installation has to accept them"
        yield Finding(what="permissions", well=False, says=f"the app does not request {missing}", mend=mend)
    yield from missing_events(body.get("events"), needed=parsed_events(), lacking=lacking)


def _installation(one: Json, *, writes_back: bool) -> Finding:
    name = exact_text(json_object(one.get("account")).get("login"), 100) or "an account"
    what = f"installation on {name}"
    if one.get("suspended_at"):
        mend = "unsuspend it on the account's page at GitHub, Settings, Applications"
        return Finding(what=what, well=False, says=f"suspended since {text(one.get('suspended_at'), 30)}", mend=mend)
    missing = ", ".join(lacking_of(json_object(one.get("permissions")), writes_back=writes_back))
    if missing:
        mend = "accept the app's permissions on the account's page at GitHub, Settings, Applications"
        return Finding(what=what, well=False, says=f"has not granted {missing}", mend=mend)
    return Finding(what=what, well=True, says="has granted all that is needed")


def _repository(name: str, body: Json) -> Finding:
    full_name = exact_text(body.get("full_name"), 300) or name
    if full_name.lower() != name.lower():
        return Finding(
            what=name, well=None, says=f"its name is {full_name} now", mend="still watched; use its new name"
        )
    if body.get("archived") is True:
        return Finding(what=name, well=None, says="is archived: nothing will change there")
    if body.get("has_issues") is False:
        return Finding(what=name, well=None, says="can be seen; its issues are disabled, pull requests count")
    return Finding(what=name, well=True, says="can be seen")


def _examine_projects(scopes: Sequence[str], ask: Callable[[Json, str], Response]) -> Iterator[Finding]:
    """Check whether a token can read the projects of each owner. `ask` sends a query about a repository.

    Projects may have the numbers that a connection reads. If not, report a warning only: numbers then come from the
    fields of issues alone.
    https://docs.github.com/en/issues/planning-and-tracking-with-projects/automating-your-project/using-the-api-to-manage-projects
    """
    owners = {name.partition("/")[0].lower(): name for name in reversed(scopes)}
    for owner, name in sorted(owners.items()):
        answer = ask({"query": _PROJECTS_QUERY, "variables": {"login": owner}}, name).object()
        kinds = {exact_text(error.get("type"), 100) for error in json_objects(answer.get("errors"))}
        if kinds & FORBIDDEN:
            yield Finding(
                what=f"projects of {owner}",
                well=None,
                says=_HIDDEN,
                mend=f"{_GRANT} (classic: read:project)",
            )
        elif json_object(json_object(answer.get("data")).get("organization")):
            yield Finding(what=f"projects of {owner}", well=True, says="can be read")


def _installation_sees(what: str, permissions: Json) -> Iterator[Finding]:
    """Report when an installation of an app may not read projects."""
    if not permissions.get(_PROJECTS_PERMISSION):
        yield Finding(
            what=what,
            well=None,
            says=_HIDDEN,
            mend=f"{_GRANT}, on the app's page, and accept it there",
        )

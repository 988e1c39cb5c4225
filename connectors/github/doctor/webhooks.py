"""Doctor checks of GitHub's webhooks: do they send to us, and did their last deliveries arrive.

A repository has a webhook of its own or of its organisation; an app has one for all its installations.
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.credentials import Credentials
from connectors.github.doctor.whole_list import Reply, WholeList, read_list
from connectors.github.model.number_fields import number_fields_of
from connectors.github.setup.onboarding import NEWER_EVENTS
from connectors.github.webhook.events import parsed_events
from connectors.json_fields import Json, exact_text, identifier, json_object, json_texts, text
from connectors.responses import Response
from sync_service.domain.text import counted
from sync_service.domain.trackers.connector import Connection, Gone
from sync_service.domain.trackers.diagnostics import Finding

LAST = 30
"""How many of the last attempts to check."""

_FOR_APPS = frozenset({"installation", "installation_repositories", "installation_target"})
_OF_PROJECTS = frozenset({"projects_v2_item"})
_FOR_OWNERS = frozenset({"organization"}) | _OF_PROJECTS
_NEEDED_MOST = frozenset({"issues", "pull_request"})
_BY_STATUS = {
    401: "the secrets of GitHub and of this connection differ: apply the one that GitHub has, or set a new one there",
    404: "there is no connection with the name at the end of the webhook's address: correct it at GitHub",
    503: "the service could not store it, or the connection has no webhook secret: see the other checks",
}
_UNREACHABLE = "can GitHub reach OKR_SYNC_BASE_URL, through proxy and firewall? Recent Deliveries at GitHub shows more"


class _Hidden(Exception):
    """These credentials may not list the webhooks."""


class CallWebhooks(Protocol):
    """Call with the credentials that can see a repository. Return a reply of any status."""

    def __call__(self, path: str, *, about: str, params: Mapping[str, str] | None = None) -> Response:
        """Call; an empty `about` means the app itself, or the token."""
        ...


@dataclass(slots=True, kw_only=True)
class WebhookChecks:
    """The checks of one connection's webhooks. `lacking` says that the server knows fewer events than github.com.

    `checked_paths` are the webhooks already checked: several scopes may share one.
    """

    connection: Connection
    credentials: Credentials
    ask: CallWebhooks
    lacking: bool
    checked_paths: set[str] = field(default_factory=set)
    lists: dict[str, WholeList | None] = field(default_factory=dict)

    def run(self, scopes: Sequence[str]) -> Iterator[Finding]:
        """Check the app's webhook, or the one of each repository or its owner."""
        if isinstance(self.credentials, AppCredentials):
            yield from self._of_app()
            return
        for name in scopes:
            yield from self._of_repository(name)

    def _of_app(self) -> Iterator[Finding]:
        reply = self.ask("/app/hook/config", about="")
        config = reply.object() if reply.status == 200 else {}
        url = text(config.get("url"), 300)
        if not self._is_ours(config):
            leads = f"sends to {url}" if url else "is not set"
            mend = f"on the app's page at GitHub, activate the webhook with the URL {self.connection.hook_url}"
            yield Finding(what="webhook of the app", well=False, says=f"{leads}, not to OKR Sync", mend=mend)
            return
        yield _check_settings("webhook of the app", config)
        yield from self._deliveries("webhook of the app", "/app/hook", about="")

    def _of_repository(self, name: str) -> Iterator[Finding]:
        owner = name.partition("/")[0]
        paths = {
            f"webhook of {name}": f"/repos/{quote(name, safe='/')}/hooks",
            f"webhook of {owner}": f"/orgs/{quote(owner, safe='')}/hooks",
        }
        hidden, unread = False, 0
        for what, path in paths.items():
            found = self._list(path, about=name)
            hidden = hidden or found is None
            unread = len(found.rows) if found is not None and found.more else unread
            for hook in found.rows if found is not None else ():
                if self._is_ours(json_object(hook.get("config"))):
                    yield from self._hook(what, f"{path}/{identifier(hook.get('id'))}", hook, about=name)
                    return
        what = f"webhook of {name}"
        if hidden:
            says = "this token can't check whether one sends to OKR Sync"
            mend = "to check it, grant Webhooks: read on the repository (and the organisation); it works without"
            yield Finding(what=what, well=None, says=says, mend=mend)
        elif unread:
            says = f"none of the first {unread} webhooks sends to OKR Sync; only these were read, and there are more"
            yield Finding(what=what, well=None, says=says, mend="remove webhooks that nobody needs")
        else:
            mend = f"add one at GitHub with the URL {self.connection.hook_url}, or rely on polling alone"
            yield Finding(what=what, well=False, says="no webhook sends to OKR Sync", mend=mend)

    def _list(self, path: str, *, about: str) -> WholeList | None:
        """List webhooks; None when these credentials may not."""
        if path not in self.lists:
            try:
                self.lists[path] = read_list(lambda params: self._page(path, about, params))
            except Gone:
                return None
            except _Hidden:
                self.lists[path] = None
        return self.lists[path]

    def _page(self, path: str, about: str, params: Mapping[str, str]) -> Reply:
        reply = self.ask(path, about=about, params=params)
        if reply.status != 200:
            raise _Hidden
        return reply.objects(), reply.names_next_page

    def _is_ours(self, config: Json) -> bool:
        url = config.get("url")
        return isinstance(url, str) and url.strip().rstrip("/") == self.connection.hook_url.rstrip("/")

    def _hook(self, what: str, path: str, hook: Json, *, about: str) -> Iterator[Finding]:
        if path in self.checked_paths:
            return
        self.checked_paths.add(path)
        if hook.get("active") is not True:
            yield Finding(what=what, well=False, says="is not active", mend="activate it at GitHub")
            return
        yield _check_settings(what, json_object(hook.get("config")))
        of_owner = path.startswith("/orgs/")
        idle = frozenset() if number_fields_of(self.connection).names else _OF_PROJECTS
        needed = parsed_events() - _FOR_APPS - (idle if of_owner else _FOR_OWNERS)
        yield from missing_events(hook.get("events"), needed=needed, what=what, lacking=self.lacking)
        yield from self._deliveries(what, path, about=about, hook=hook)

    def _deliveries(self, what: str, path: str, *, about: str, hook: Json | None = None) -> Iterator[Finding]:
        """Check the last deliveries: one is fine when any of its attempts succeeded."""
        reply = self.ask(f"{path}/deliveries", about=about, params={"per_page": str(LAST)})
        if reply.status != 200:
            yield from _last_response(what, json_object((hook or {}).get("last_response")))
            return
        found = [(guid, row) for row in reply.objects() if (guid := exact_text(row.get("guid"), 100))]
        if not found:
            yield Finding(what=what, well=None, says="has sent nothing in the last days")
            return
        arrived = {guid for guid, row in found if row.get("status") == "OK"}
        newest: dict[str, Json] = {}
        for guid, row in found:  # newest first
            newest.setdefault(guid, row)
        failed = [row for guid, row in newest.items() if guid not in arrived]
        if not failed:
            last = "the last delivery" if len(newest) == 1 else f"the last {len(newest)} deliveries"
            yield Finding(what=what, well=True, says=f"{last} arrived")
            return
        counts = Counter(_outcome(row) for row in failed)
        outcomes = ", ".join(f"{count} with {outcome}" for outcome, count in counts.most_common())
        says = f"{len(failed)} of the last {counted(len(newest), 'delivery', 'deliveries')} did not arrive: {outcomes}"
        still = found[0][0] not in arrived
        yield Finding(what=what, well=False if still else None, says=says, mend=_mend(failed))


def missing_events(
    events: object, *, needed: Collection[str], what: str = "events", lacking: bool = False
) -> Iterator[Finding]:
    """Compare the events that a webhook sends with those needed. `lacking` says that a server knows fewer events."""
    sent = set(json_texts(events))
    if "*" in sent:
        return
    wanted = set(needed) - _FOR_APPS - (NEWER_EVENTS if lacking else frozenset())
    wanted -= _FOR_OWNERS if what == "events" else frozenset()
    missing = sorted(wanted - sent)
    if missing:
        well = False if _NEEDED_MOST & set(missing) else None
        says = f"does not send {', '.join(missing)}"
        yield Finding(what=what, well=well, says=says, mend="select these events too, on GitHub's page of the webhook")


def _check_settings(what: str, config: Json) -> Finding:
    if str(config.get("insecure_ssl", "0")) == "1":
        mend = "enable SSL verification at GitHub"
        return Finding(what=what, well=None, says="sends to OKR Sync, and does not check our certificate", mend=mend)
    form = exact_text(config.get("content_type"), 20) or "form"
    return Finding(what=what, well=True, says=f"sends to OKR Sync, as {form}")


def _last_response(what: str, last: Json) -> Iterator[Finding]:
    code, status = last.get("code"), text(last.get("status"), 100)
    if isinstance(code, int) and status:
        well = 200 <= code < 300
        says = f"the last delivery was answered {code}"
        yield Finding(what=what, well=well, says=says, mend=None if well else _BY_STATUS.get(code, _UNREACHABLE))
    else:
        yield Finding(what=what, well=None, says="these credentials can't read what happened to its deliveries")


def _outcome(row: Json) -> str:
    code = row.get("status_code")
    return str(code) if isinstance(code, int) and code else (text(row.get("status"), 60) or "no answer")


def _mend(failed: Sequence[Json]) -> str:
    codes = [code for row in failed if isinstance(code := row.get("status_code"), int)]
    mends = [_BY_STATUS[code] for code in dict.fromkeys(codes) if code in _BY_STATUS]
    return "; ".join(mends) or _UNREACHABLE

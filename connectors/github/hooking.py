"""Webhooks made by calls: of repositories with a token, and that of an app itself.

https://docs.github.com/en/rest/repos/webhooks
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.fields import identifier, rows, table, text
from connectors.github.apps import AppCredentials
from connectors.github.calls import path_by_name
from connectors.github.connecting import EVENTS, NEWER
from connectors.github.credentials import Credentials
from connectors.github.site import Site, words_of
from connectors.http import Http, Method
from connectors.replies import Reply, judge
from sync_service.domain.abilities import HookMade
from sync_service.domain.connectors import ConnectorError, Rejected, Unavailable

_PER_PAGE = 100
_MOST_PAGES = 3
"""GitHub allows 20 webhooks for an event, an Enterprise Server 250."""

_HIDDEN = (
    "the credentials may not see or change its webhooks: give the token Webhooks: read and write "
    "(a classic one: admin:repo_hook), or make the webhook by hand"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooking:
    """Makes webhooks that go to one address. `secret` signs what they send."""

    credentials: Credentials
    site: Site
    http: Http
    url: str
    secret: str = field(repr=False)

    def make(self, scopes: Sequence[str]) -> list[HookMade]:
        """Make one for each repository, or set the app's own, which brings them all.

        What GitHub can't do now for one is not asked for the others: they say so too.
        """
        if isinstance(self.credentials, AppCredentials):
            self.credentials.set_hook(self._config())
            return [HookMade(where="the app", made=True, says="its webhook comes here, with the newest secret")]
        made: list[HookMade] = []
        away: Unavailable | None = None
        for name in scopes:
            try:
                if away is not None:
                    raise away
                says = self._one(name)
            except Unavailable as error:
                away = error
                made.append(HookMade(where=name, made=False, says=str(error)))
            except ConnectorError as error:
                made.append(HookMade(where=name, made=False, says=str(error)))
            else:
                made.append(HookMade(where=name, made=True, says=says))
        return made

    def _one(self, name: str) -> str:
        path = f"{path_by_name(name)}/hooks"
        found = self._find(path, name)
        if found is None:
            reply = self._with_events("POST", path, {"name": "web"}, name)
            if reply.status != 422 or (found := self._find(path, name)) is None:
                self._judge(reply)
                return "a webhook was made"
        self._judge(self._with_events("PATCH", f"{path}/{found}", {}, name))
        return "its webhook was there, and is set anew"

    def _find(self, path: str, name: str) -> str | None:
        """Give the id of the webhook that goes to our address."""
        for page in range(1, _MOST_PAGES + 1):
            reply = self._send("GET", path, name, params={"per_page": str(_PER_PAGE), "page": str(page)})
            if reply.status in (403, 404):
                self._judge_limit(reply)
                raise Rejected(_HIDDEN)
            self._judge(reply)
            listed = rows(list(reply.objects()))
            for one in listed:
                if table(one.get("config")).get("url") == self.url:
                    return identifier(one.get("id"))
            if len(listed) < _PER_PAGE:
                break
        return None

    def _with_events(self, method: Method, path: str, body: Mapping[str, Any], name: str) -> Reply:
        """Send the settings of a webhook; once more without the events that an older server does not know."""
        wanted = {**body, "active": True, "config": self._config()}
        reply = self._send(method, path, name, json={**wanted, "events": list(EVENTS)})
        if reply.status != 422 or "already exists" in _all_words(reply):
            return reply
        known = [event for event in EVENTS if event not in NEWER]
        return self._send(method, path, name, json={**wanted, "events": known})

    def _config(self) -> dict[str, str]:
        return {"url": self.url, "content_type": "json", "secret": self.secret, "insecure_ssl": "0"}

    def _send(self, method: Method, path: str, name: str, **what: Any) -> Reply:
        return self.credentials.use(
            name, lambda authorization: self.site.send(method, path, authorization=authorization, **what)
        ).reply

    def _judge(self, reply: Reply) -> None:
        if reply.status in (403, 404):
            self._judge_limit(reply)
            raise Rejected(_HIDDEN)
        words = _all_words(reply) if reply.status == 422 else words_of(reply)
        judge(reply, now=self.http.now(), holder="token", words=words)

    def _judge_limit(self, reply: Reply) -> None:
        """Raise `Unavailable` where a 403 is a limit, and not a lack of permission."""
        try:
            judge(reply, now=self.http.now(), holder="token")
        except Unavailable:
            raise
        except ConnectorError:
            return


def _all_words(reply: Reply) -> str:
    """Give GitHub's words for a request it can't carry out, with what its list of errors says."""
    try:
        errors = rows(reply.object().get("errors"))
    except Rejected:
        errors = []
    return "; ".join(filter(None, (words_of(reply), *(text(one.get("message"), 200) for one in errors))))

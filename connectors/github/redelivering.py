"""The errand that asks GitHub again for deliveries that never reached us.

For an app they stand in one list. With a token, each watched repository and its organisation may have a webhook that
leads to us; credentials that may read none, as those for issues alone, are no fault. A run makes a bounded number of
calls, and asks for a bounded number of deliveries, one by one and a second apart; what is left goes on a minute later.
What it asks for may be asked for once more where the run is killed: that is harmless, since we know a delivery's guid.
https://docs.github.com/en/rest/webhooks/repo-deliveries
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from connectors.fields import identifier, table
from connectors.github.apps import AppCredentials
from connectors.github.calls import Calls, is_name
from connectors.github.missed import PAUSES, ROOM, Hook, Memory, Missed, attempts, matters
from connectors.replies import Reply
from sync_service.domain.abilities import Ran
from sync_service.domain.connectors import Rejected
from sync_service.domain.issues import ScopeRef

NAME = "redeliver"
INTERVAL = timedelta(minutes=10)

WINDOW = timedelta(days=3)
WINDOW_OF_ENTERPRISE_SERVER = timedelta(days=7)
"""For how long a delivery can be asked for again."""

OVERLAP = timedelta(minutes=5)
"""How far a list is read back behind the newest attempt that the last run saw: one is listed once it has ended."""

MOST_PAGES = 20
"""Pages of lists that one run reads."""

MOST_PLACES = 20
"""Repositories and organisations whose webhooks one run looks at."""

MOST_ASKED = 8
"""Deliveries that one run asks for: fewer than 500 an hour, GitHub's limit for whatever writes."""

APART_SECONDS = 1.0
"""Between two writes with one credential."""

SOON = timedelta(minutes=1)
"""When a run goes on that left something to be done."""

PLACES_FRESH = timedelta(hours=1)
"""How often we look for webhooks that lead to us."""

_APP_HOOK = "/app/hook"
_PER_PAGE = 100


@dataclass
class Redelivering:
    """One run of the errand. `sleep` takes seconds."""

    calls: Calls
    _: KW_ONLY
    scopes: Sequence[ScopeRef]
    sleep: Callable[[float], None]
    memory: Memory
    now: datetime = field(init=False)
    _came: set[str] = field(default_factory=set)
    _pages: int = 0
    _newest: float = 0.0

    def __post_init__(self) -> None:
        self.now = self.calls.now()

    def run(self) -> Ran:
        """Find the webhooks, read their lists, and ask for what was missed."""
        left = self._find_hooks()
        self.memory.forget(before=self.now - self._window)
        for path, hook in sorted(self.memory.hooks.items(), key=lambda item: item[1].since):
            self._read(path, hook)
        left |= self._pages >= MOST_PAGES or any(hook.cursor is not None for hook in self.memory.hooks.values())
        asked = self._ask()
        left |= next(self.memory.due(self.now), None) is not None
        nowhere = PLACES_FRESH if not self.memory.hooks else None
        return Ran(outcome=self._said(asked), memory=self.memory.written(), again=SOON if left else nowhere)

    @property
    def _window(self) -> timedelta:
        return WINDOW_OF_ENTERPRISE_SERVER if self.calls.site.is_enterprise_server else WINDOW

    # Webhooks

    def _find_hooks(self) -> bool:
        """Look for webhooks where that was not done for an hour; tell whether some places are left for the next run."""
        wanted = dict(self._places())
        self._forget_places(wanted)
        stale = [one for one in wanted if self._is_stale(one)]
        for place in stale[:MOST_PLACES]:
            self._look_at(place, wanted[place])
            if _APP_HOOK in self.memory.hooks:
                self._forget_places({_APP_HOOK: ""})
                return False
        return len(stale) > MOST_PLACES

    def _places(self) -> Iterator[tuple[str, str]]:
        """Give what may have a webhook, each with the repository by whose credential it is asked: an app's comes first.

        An app whose own webhook leads to us needs no other.
        """
        if isinstance(self.calls.credentials, AppCredentials):
            yield _APP_HOOK, ""
            if _APP_HOOK in self.memory.hooks:
                return
        scopes = [one for one in self.scopes if is_name(one.name)]
        named = {one.name.partition("/")[0].lower(): one.id or one.name for one in reversed(scopes)}
        for owner, repository in sorted(named.items()):
            yield f"/orgs/{owner}", repository
        for one in scopes:
            yield (f"/repositories/{one.id}" if one.id else f"/repos/{one.name}"), one.id or one.name

    def _forget_places(self, wanted: dict[str, str]) -> None:
        memory = self.memory
        memory.places = {place: at for place, at in memory.places.items() if place in wanted}
        memory.hidden = [place for place in memory.hidden if place in wanted]
        memory.hooks = {path: hook for path, hook in memory.hooks.items() if hook.place in wanted}

    def _is_stale(self, place: str) -> bool:
        return self.memory.places.get(place, 0) <= (self.now - PLACES_FRESH).timestamp()

    def _look_at(self, place: str, repository: str) -> None:
        """Note the webhooks of one place that lead to us."""
        memory = self.memory
        path = f"{_APP_HOOK}/config" if place == _APP_HOOK else f"{place}/hooks"
        reply = self.calls.ask("GET", path, repository=repository, params={"per_page": str(_PER_PAGE)})
        memory.places[place] = int(self.now.timestamp())
        memory.hidden = [one for one in memory.hidden if one != place] + ([place] if reply is None else [])
        found = set(self._leading_here(place, reply)) if reply else set()
        known = {path for path, hook in memory.hooks.items() if hook.place == place}
        for gone in known - found:
            del memory.hooks[gone]
        for new in sorted(found - known):
            since = int((self.now - self._window).timestamp())
            memory.hooks[new] = Hook(repository=repository, place=place, since=since)

    def _leading_here(self, place: str, reply: Reply) -> Iterator[str]:
        ours = _address(self.calls.connection.hook_url)
        if place == _APP_HOOK:
            if _address(reply.object().get("url")) == ours:
                yield _APP_HOOK
            return
        for row in reply.objects():
            id_ = identifier(row.get("id"))
            if id_ and _address(table(row.get("config")).get("url")) == ours:
                yield f"{place}/hooks/{id_}"

    # Lists

    def _read(self, path: str, hook: Hook) -> None:
        """Read what is new in a webhook's list, and then on in what an earlier run left of it, where there is room."""
        if self._pages >= MOST_PAGES:
            return
        before, self._newest = hook.since, 0.0
        left = self._back(path, hook, cursor=None, until=before)
        hook.since = max(before, int(self._newest - OVERLAP.total_seconds()))
        if left is not None:
            hook.cursor, hook.until = left, before if hook.cursor is None else hook.until
        if hook.cursor is not None and len(self.memory.missed) < ROOM:
            hook.cursor = self._back(path, hook, cursor=hook.cursor, until=hook.until)

    def _back(self, path: str, hook: Hook, *, cursor: str | None, until: int) -> str | None:
        """Read a list from a cursor back to a time, newest first; give the cursor where the pages of a run end."""
        while self._pages < MOST_PAGES:
            self._pages += 1
            params = {"per_page": str(_PER_PAGE)} | ({"cursor": cursor} if cursor else {})
            try:
                reply = self.calls.ask("GET", f"{path}/deliveries", repository=hook.repository, params=params)
            except Rejected:
                if cursor is None:
                    raise
                return None  # a cursor that GitHub takes no longer; lists of what changed find what was missed there
            found = attempts(reply.objects()) if reply else []
            self._newest = max([self._newest, *(one.at.timestamp() for one in found)])
            new = [one for one in found if one.at.timestamp() > until]
            self.memory.take(path, [one for one in new if matters(one, watched=self._watched)], self._came)
            cursor = _next_cursor(reply) if reply and len(new) == len(found) else None
            if cursor is None:
                return None
        return cursor

    @property
    def _watched(self) -> frozenset[str] | None:
        ids = frozenset(one.id for one in self.scopes)
        return None if "" in ids else ids

    # Asking

    def _ask(self) -> int:
        """Ask for what is due, one by one; give how many were asked for."""
        asked = 0
        for one in list(self.memory.due(self.now))[:MOST_ASKED]:
            if asked:
                self.sleep(APART_SECONDS)
            if not self._ask_for(one):
                one.tries = len(PAUSES)
                continue
            one.asked(self.now)
            asked += 1
        return asked

    def _ask_for(self, one: Missed) -> bool:
        """Ask for one; tell whether GitHub takes that: it may be there no longer, or not be ours to ask for."""
        repository = self.memory.hooks[one.hook].repository
        try:
            return self.calls.ask("POST", f"{one.hook}/deliveries/{one.id}/attempts", repository=repository) is not None
        except Rejected:
            return False

    def _said(self, asked: int) -> str:
        memory = self.memory
        if not memory.hooks:
            hidden = (
                f"; these credentials may not read those of {', '.join(memory.hidden[:5])}" if memory.hidden else ""
            )
            return f"no webhook is seen that leads to {self.calls.connection.hook_url}{hidden}"
        more = any(hook.cursor is not None for hook in memory.hooks.values())
        given_up = sum(one.given_up for one in memory.missed.values())
        return (
            f"{asked} missed deliveries asked for again, {len(memory.missed) - given_up} still missed,"
            f" {given_up} given up; {memory.came} have come after all"
            + ("; the list goes on, and is read once these have come" if more else "")
            + (f"; {memory.dropped} more were missed than can be remembered" if memory.dropped else "")
        )


def _address(written: object) -> str:
    """Give an address in one form, so that two can be compared; empty where it is none."""
    if not isinstance(written, str):
        return ""
    try:
        parts = urlsplit(written.strip())
        return f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path.rstrip('/')}".lower()
    except ValueError:
        return ""


def _next_cursor(reply: Reply) -> str | None:
    """Read the cursor of the next page out of the header `Link`.

    https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    for part in reply.header("Link").split(","):
        address, _, relation = part.partition(">")
        if 'rel="next"' in relation:
            found = parse_qs(urlsplit(address.strip().removeprefix("<")).query).get("cursor")
            return found[0] if found else None
    return None

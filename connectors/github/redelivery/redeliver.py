"""Scheduled task: ask GitHub to redeliver the webhook deliveries that failed.

An app has one list of deliveries. With a token, each watched repository and its organisation may have a webhook that
leads to us. Credentials that may not read webhooks, such as those for issues only, are no error. A run makes a bounded
number of calls and redelivery requests, one by one and a second apart; the next run continues a minute later. When a
run is killed, a delivery may be requested twice: that is harmless, because its guid identifies the duplicate.
https://docs.github.com/en/rest/webhooks/repo-deliveries
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.client import GitHubClient, is_repository_name
from connectors.github.redelivery.failed_deliveries import (
    RETRY_DELAYS,
    ROOM,
    FailedDelivery,
    Hook,
    RedeliveryState,
    attempts,
    is_relevant,
)
from connectors.json_fields import identifier, json_object
from connectors.responses import Response
from sync_service.domain.listing import LONG, ListingProgress
from sync_service.domain.text import counted
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import ScopeRef

TASK_NAME = "redeliver"
INTERVAL = timedelta(minutes=10)

WINDOW = timedelta(days=3)
WINDOW_OF_ENTERPRISE_SERVER = timedelta(days=7)
"""How long a delivery can be redelivered."""

OVERLAP = timedelta(minutes=5)
"""How far to read back behind the newest attempt of the last run: GitHub lists an attempt only after it has ended."""

MOST_PAGES = 20
"""Pages of delivery lists that one run reads."""

MOST_PLACES = 20
"""Repositories and organisations whose webhooks one run lists."""

MOST_ASKED = 8
"""Redelivery requests of one run: fewer than 500 an hour, GitHub's limit for writes."""

APART_SECONDS = 1.0
"""Seconds between two writes with one credential."""

SOON = timedelta(minutes=1)
"""When the next run starts after one that did not finish."""

PLACES_FRESH = timedelta(hours=1)
"""How often to search for webhooks that lead to us."""

_APP_HOOK = "/app/hook"
_PER_PAGE = 100


@dataclass
class Redelivery:
    """One run of the scheduled task. `sleep` takes seconds."""

    calls: GitHubClient
    _: KW_ONLY
    scopes: Sequence[ScopeRef]
    sleep: Callable[[float], None]
    memory: RedeliveryState
    now: datetime = field(init=False)
    _arrived: set[str] = field(default_factory=set)
    _pages: int = 0
    _newest: float = 0.0
    _problem: str | None = None

    def __post_init__(self) -> None:
        self.now = self.calls.now()

    def run(self) -> TaskResult:
        """Find the webhooks, read their lists of deliveries, and request the failed ones again."""
        left = self._find_hooks()
        self.memory.drop(before=self.now - self._window)
        for path, hook in sorted(self.memory.hooks.items(), key=lambda item: item[1].since):
            self._read(path, hook)
        left |= self._pages >= MOST_PAGES or any(hook.cursor is not None for hook in self.memory.hooks.values())
        count = self._redeliver_due()
        left |= next(self.memory.due(self.now), None) is not None
        nowhere = PLACES_FRESH if not self.memory.hooks else None
        return TaskResult(
            outcome=self._outcome(count),
            memory=self.memory.written(),
            next_run_in=SOON if left else nowhere,
            problem=self._problem,
        )

    @property
    def _window(self) -> timedelta:
        return WINDOW_OF_ENTERPRISE_SERVER if self.calls.site.is_enterprise_server else WINDOW

    # Webhooks

    def _find_hooks(self) -> bool:
        """List webhooks where the last listing is over an hour old. Return whether some are left for the next run."""
        wanted = dict(self._hook_paths())
        self._keep_only(wanted)
        stale = [one for one in wanted if self._is_stale(one)]
        for path_prefix in stale[:MOST_PLACES]:
            self._list_hooks(path_prefix, wanted[path_prefix])
            if _APP_HOOK in self.memory.hooks:
                self._keep_only({_APP_HOOK: ""})
                return False
        return len(stale) > MOST_PLACES

    def _hook_paths(self) -> Iterator[tuple[str, str]]:
        """Yield the paths that may have a webhook, each with the repository whose credential can read it.

        The app's own webhook comes first. When it leads to us, no other is needed.
        """
        if isinstance(self.calls.credentials, AppCredentials):
            yield _APP_HOOK, ""
            if _APP_HOOK in self.memory.hooks:
                return
        scopes = [one for one in self.scopes if is_repository_name(one.name)]
        named = {one.name.partition("/")[0].lower(): one.id or one.name for one in reversed(scopes)}
        for owner, repository in sorted(named.items()):
            yield f"/orgs/{owner}", repository
        for one in scopes:
            yield (f"/repositories/{one.id}" if one.id else f"/repos/{one.name}"), one.id or one.name

    def _keep_only(self, wanted: dict[str, str]) -> None:
        memory = self.memory
        memory.places = {path_prefix: at for path_prefix, at in memory.places.items() if path_prefix in wanted}
        memory.hidden = [path_prefix for path_prefix in memory.hidden if path_prefix in wanted]
        memory.hooks = {path: hook for path, hook in memory.hooks.items() if hook.place in wanted}

    def _is_stale(self, path_prefix: str) -> bool:
        return self.memory.places.get(path_prefix, 0) <= (self.now - PLACES_FRESH).timestamp()

    def _list_hooks(self, path_prefix: str, repository: str) -> None:
        """Store the webhooks below one path that lead to us."""
        memory = self.memory
        path = f"{_APP_HOOK}/config" if path_prefix == _APP_HOOK else f"{path_prefix}/hooks"
        reply = self.calls.call_optional("GET", path, repository=repository, params={"per_page": str(_PER_PAGE)})
        memory.places[path_prefix] = int(self.now.timestamp())
        memory.hidden = [one for one in memory.hidden if one != path_prefix] + ([path_prefix] if reply is None else [])
        found = set(self._leading_here(path_prefix, reply)) if reply else set()
        known = {path for path, hook in memory.hooks.items() if hook.place == path_prefix}
        for gone in known - found:
            del memory.hooks[gone]
        for new in sorted(found - known):
            since = int((self.now - self._window).timestamp())
            memory.hooks[new] = Hook(repository=repository, place=path_prefix, since=since)

    def _leading_here(self, path_prefix: str, reply: Response) -> Iterator[str]:
        ours = _address(self.calls.connection.hook_url)
        if path_prefix == _APP_HOOK:
            if _address(reply.object().get("url")) == ours:
                yield _APP_HOOK
            return
        for row in reply.objects():
            id_ = identifier(row.get("id"))
            if id_ and _address(json_object(row.get("config")).get("url")) == ours:
                yield f"{path_prefix}/hooks/{id_}"

    # Lists

    def _read(self, path: str, hook: Hook) -> None:
        """Read the new part of a webhook's list, then what an earlier run left unread, if there is room."""
        if self._pages >= MOST_PAGES:
            return
        before, self._newest = hook.since, 0.0
        left = self._read_back(path, hook, cursor=None, until=before)
        hook.since = max(before, int(self._newest - OVERLAP.total_seconds()))
        if left is not None:
            hook.cursor, hook.until = left, before if hook.cursor is None else hook.until
        if hook.cursor is not None and len(self.memory.missed) < ROOM:
            hook.cursor = self._read_back(path, hook, cursor=hook.cursor, until=hook.until)
        hook.pages = hook.pages if hook.cursor else 0

    def _read_back(self, path: str, hook: Hook, *, cursor: str | None, until: int) -> str | None:
        """Read a list from a cursor back to a time, newest first. Return the cursor when the run has no pages left."""
        listing = ListingProgress(pages=hook.pages)
        while self._pages < MOST_PAGES:
            self._pages += 1
            params = {"per_page": str(_PER_PAGE)} | ({"cursor": cursor} if cursor else {})
            try:
                reply = self.calls.call_optional("GET", f"{path}/deliveries", repository=hook.repository, params=params)
            except Rejected:
                if cursor is None:
                    raise
                return None  # the cursor has expired; polling finds the changes that these deliveries had
            found = attempts(reply.objects()) if reply else []
            self._newest = max([self._newest, *(one.at.timestamp() for one in found)])
            new = [one for one in found if one.at.timestamp() > until]
            self.memory.record(path, [one for one in new if is_relevant(one, watched=self._watched_ids)], self._arrived)
            cursor = _next_cursor(reply) if reply and len(new) == len(found) else None
            if cursor is None:
                return None
            listing = listing.after([one.id for one in found], cursor)
            hook.pages = listing.pages
            if problem := listing.problem or (LONG if listing.is_long else None):
                self._problem = f"deliveries of {path}: {problem}; polls find the changes that they had"
                return None
        return cursor

    @property
    def _watched_ids(self) -> frozenset[str] | None:
        ids = frozenset(one.id for one in self.scopes)
        return None if "" in ids else ids

    # Redelivery

    def _redeliver_due(self) -> int:
        """Request the due redeliveries, one by one. Return their number."""
        count = 0
        for one in list(self.memory.due(self.now))[:MOST_ASKED]:
            if count:
                self.sleep(APART_SECONDS)
            if not self._redeliver(one):
                one.tries = len(RETRY_DELAYS)
                continue
            one.asked(self.now)
            count += 1
        return count

    def _redeliver(self, one: FailedDelivery) -> bool:
        """Request one redelivery. Return False when GitHub rejects it: it may be deleted, or not permitted."""
        repository = self.memory.hooks[one.hook].repository
        try:
            return (
                self.calls.call_optional("POST", f"{one.hook}/deliveries/{one.id}/attempts", repository=repository)
                is not None
            )
        except Rejected:
            return False

    def _outcome(self, count: int) -> str:
        memory = self.memory
        if not memory.hooks:
            hidden = (
                f"; these credentials may not read those of {', '.join(memory.hidden[:5])}" if memory.hidden else ""
            )
            return f"found no webhook that leads to {self.calls.connection.hook_url}{hidden}"
        more = any(hook.cursor is not None for hook in memory.hooks.values())
        given_up = sum(one.given_up for one in memory.missed.values())
        requested = counted(count, "failed delivery", "failed deliveries")
        return (
            f"{requested} requested again, {len(memory.missed) - given_up} still missing,"
            f" {given_up} given up; {memory.came} have arrived since"
            + ("; the list is longer, and is read once these have arrived" if more else "")
            + (f"; {memory.dropped} more failed than can be stored" if memory.dropped else "")
            + (f"; {self._problem}" if self._problem else "")
        )


def _address(written: object) -> str:
    """Normalise an address so that two can be compared; empty when it is invalid."""
    if not isinstance(written, str):
        return ""
    try:
        parts = urlsplit(written.strip())
        return f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path.rstrip('/')}".lower()
    except ValueError:
        return ""


def _next_cursor(reply: Response) -> str | None:
    """Return the cursor of the next page from the header `Link`.

    https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    for link in reply.header("Link").split(","):
        address, _, relation = link.partition(">")
        if 'rel="next"' in relation:
            found = parse_qs(urlsplit(address.strip().removeprefix("<")).query).get("cursor")
            return found[0] if found else None
    return None

"""Fetch one issue or pull request from GitHub by paths that survive renames.

https://docs.github.com/en/rest/issues/issues#get-an-issue
"""

import re
from dataclasses import KW_ONLY, dataclass, replace

from connectors.fields import exact, identifier, table
from connectors.github.calls import Calls
from connectors.github.closing import referred
from connectors.github.numbers import wanted_of
from connectors.github.projects import shown_in_projects
from connectors.github.questions import CLOSES
from connectors.github.snapshots import issue_seen, name_in, pull_seen
from connectors.http import Answer
from sync_service.domain.connectors import Gone, Refused, Rejected
from sync_service.domain.issues import Look, ScopeRef, Snapshot

_IDENTITY = re.compile(r"([1-9][0-9]{0,18})#([1-9][0-9]{0,18})", re.ASCII)
_BY_ID = re.compile(r"/repositories/([0-9]+)/issues/([0-9]+)/?\Z")


def look(calls: Calls, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue; `Gone`, proven, where GitHub shows that it was deleted or transferred."""
    repository_id, count = parts_of(identity)
    found = _Looking(calls, repository_id=repository_id, count=count, key=key).seen()
    if isinstance(found, Look):
        raise Rejected(f"GitHub's answer for {key} is not whole: {found.reason}")
    return found


def parts_of(identity: str) -> tuple[str, str]:
    """Give the repository's id and the number within it; raise `Rejected` for what is no identity."""
    parts = _IDENTITY.fullmatch(identity)
    if parts is None:
        raise Rejected(f"{identity[:60]!r} is not the identity of a GitHub issue")
    return parts[1], parts[2]


@dataclass(frozen=True)
class _Looking:
    """One look at issue number `count` of a repository; `key` is for messages only."""

    calls: Calls
    _: KW_ONLY
    repository_id: str
    count: str
    key: str

    def seen(self) -> Snapshot | Look:
        """Fetch the issue, and the pull request where it is one: only that tells whether it was merged."""
        answer = self.calls.get(f"/repositories/{self.repository_id}/issues/{self.count}")
        scope = self._scope(answer)
        if answer.body.get("pull_request"):
            pull = self.calls.get(f"/repositories/{self.repository_id}/pulls/{self.count}").body
            return self._with_closes(pull_seen(pull, scope, {}), exact(pull.get("node_id"), 200), scope)
        wanted = wanted_of(self.calls.connection)
        shown = shown_in_projects(self.calls, [answer.body], wanted, repository=self.repository_id)
        return issue_seen(answer.body, scope, wanted, shown.get(str(answer.body.get("node_id")), {}))

    def _with_closes(self, seen: Snapshot | Look, node: str | None, scope: ScopeRef) -> Snapshot | Look:
        """Let GitHub say which issues a pull request closes; where it does not, the keywords in its text stand."""
        if node is None or not isinstance(seen, Snapshot):
            return seen
        try:
            told = self.calls.graph(CLOSES, {"id": node}, repository=self.repository_id)
        except (Gone, Refused, Rejected):
            return seen
        closes = referred(table(told.get("node")), scope)
        return seen if closes is None else replace(seen, closes=closes)

    def _scope(self, answer: Answer) -> ScopeRef:
        """Give the repository that holds the issue, or raise `Gone` where that is no longer the one asked for.

        GitHub answers 301 for a transferred issue, and a client that follows ends in another repository.
        """
        home = name_in(answer.body.get("repository_url"))
        if home is None:
            raise Rejected(f"GitHub's answer for {self.key} does not name its repository")
        told = identifier(table(answer.body.get("repository")).get("id")) or self.repository_id
        same_number = identifier(answer.body.get("number")) == self.count
        if told != self.repository_id or not same_number or not self._stays(answer.url, home[0]):
            raise self._moved(answer, home[0])
        return ScopeRef(self.repository_id, home[0])

    def _moved(self, answer: Answer, home: str) -> Gone:
        """Say where the issue is now: by which links follow it, though nobody told of its transfer."""
        by_id, number = _BY_ID.search(answer.url), identifier(answer.body.get("number"))
        known = by_id is not None and by_id[2] == number and by_id[1] != self.repository_id
        return Gone(
            f"{self.key} was transferred to {home}",
            proven=True,
            successor=f"{by_id[1]}#{number}" if by_id and known else None,
            moved_to=f"{home}#{number}" if known else None,
        )

    def _stays(self, url: str, home: str) -> bool:
        by_id = _BY_ID.search(url)
        if by_id:
            return by_id[1] == self.repository_id
        # The redirect went to an address by name, which only the repository's present name can judge.
        repository = self.calls.get(f"/repositories/{self.repository_id}").body
        return home.lower() == str(repository.get("full_name")).lower()

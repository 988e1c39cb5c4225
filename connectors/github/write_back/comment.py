"""Our comment on an issue or pull request: create it, edit it in place, find it by its hidden marker.

https://docs.github.com/en/rest/issues/comments
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

from connectors.github.api.client import GitHubClient
from connectors.github.issues.fetch import split_identity
from connectors.github.write_back.markdown import hidden_marker, note_markdown, removed_note_markdown
from connectors.json_fields import Json, identifier, json_object, required
from connectors.paging import Rows, full_pages, rows_by_page
from sync_service.domain.trackers.connector import Connection, Gone, Rejected
from sync_service.domain.trackers.write_back import Note

_PER_PAGE = 100
_MOST_PAGES = 5
"""Most pages of comments to search for our comment when its id is not known: the search must end within a lease."""


@dataclass(frozen=True, slots=True)
class CommentTarget:
    """An issue or pull request to comment on. `key` is used in messages only."""

    calls: GitHubClient
    _: KW_ONLY
    repository: str
    number: str
    key: str
    marker: str

    def comments(self) -> str:
        """Return the path of the issue's comments."""
        return f"/repositories/{self.repository}/issues/{self.number}/comments"

    def comment(self, comment_id: str) -> str:
        """Return the path of one comment."""
        return f"/repositories/{self.repository}/issues/comments/{comment_id}"

    def edit(self, comment_id: str, body: str) -> bool:
        """Edit our comment. Return False when it was deleted; raise `Gone` when the whole issue was."""
        try:
            self.calls.write("PATCH", self.comment(comment_id), {"body": body})
        except Gone:
            self.calls.get_issue(self.repository, self.number)
            return False
        return True

    def make(self, body: str) -> str:
        """Create a comment; return its id."""
        made = self.calls.write("POST", self.comments(), {"body": body}).object()
        return required(identifier(made.get("id")), "the comment's id")

    def find(self) -> str | None:
        """Find our comment by its marker. When a crash left several, keep the oldest and delete the others."""
        found = [one for one in self._listed() if is_marked(one, self.marker)]
        me = (
            None
            if not found or self.calls.connection.app
            else identifier(self.calls.token_user(self.comments()).get("id"))
        )
        ours = [id_ for one in found if self._is_ours(one, me) and (id_ := identifier(one.get("id")))]
        for another in ours[1:]:
            self._remove(another)
        return ours[0] if ours else None

    def _is_ours(self, comment: Json, me: str | None) -> bool:
        """Return whether we wrote a comment: somebody may have copied our marker into another one."""
        if self.calls.connection.app:
            return is_by_app(comment, self.calls.connection)
        return me is not None and identifier(json_object(comment.get("user")).get("id")) == me

    def _remove(self, comment_id: str) -> None:
        try:
            self.calls.write("DELETE", self.comment(comment_id))
        except Gone:
            return

    def _listed(self) -> Iterator[Json]:
        def numbered(page: int) -> Rows:
            asked = {"per_page": str(_PER_PAGE), "page": str(page)}
            reply = self.calls.write("GET", self.comments(), params=asked)
            return reply.objects(), reply.names_next_page

        return rows_by_page(full_pages(numbered, size=_PER_PAGE), most_pages=_MOST_PAGES)


def comment_target(calls: GitHubClient, *, identity: str, key: str) -> CommentTarget:
    """Return the comment target of an issue. Raise `Rejected` when write-back was never enabled."""
    repository, number = split_identity(identity)
    mark = calls.connection.owner_marker
    if not mark:
        raise Rejected("the connection has no marker for its comments: write-back was never enabled")
    return CommentTarget(calls, repository=repository, number=number, key=key, marker=mark)


def write_note(place: CommentTarget, note: Note, *, memory: str | None, force: bool) -> str | None:
    """Edit our comment, or create one when `force` is set. Return its id; None when somebody deleted it."""
    body = note_markdown(note, place.marker)
    known = memory or place.find()
    if known and place.edit(known, body):
        return known
    return place.make(body) if force else None


def remove_note(place: CommentTarget, *, memory: str | None) -> str | None:
    """Edit our comment, if there is one, to say that the issue serves no key result. Return its id."""
    known = memory or place.find()
    return known if known and place.edit(known, removed_note_markdown(place.marker)) else None


def is_marked(comment: Json, mark: str) -> bool:
    """Return whether a comment ends with our marker."""
    body = comment.get("body")
    return isinstance(body, str) and body.rstrip().endswith(hidden_marker(mark))


def is_by_app(comment: Json, connection: Connection) -> bool:
    """Return whether the connection's app wrote a comment. GitHub names the app by its number or its client id."""
    app = json_object(comment.get("performed_via_github_app"))
    names = (identifier(app.get("id")), app.get("client_id"))
    return connection.app is not None and connection.app.id in names

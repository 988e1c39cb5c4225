"""What people should know about a state that is allowed, but may not do what they expect."""

from collections.abc import Collection, Iterable, Iterator

from sync_service.apply.changes import Change
from sync_service.apply.state import State
from sync_service.domain.rules import scopes_reached


def cautions(wanted: State, changes: Iterable[Change], *, listing: Collection[str]) -> Iterator[str]:
    """Give the warnings, one sentence each. `listing` are the kinds of trackers that can be asked what they have."""
    for slug, fields in wanted["connections"].items():
        if not fields["webhook_secrets"]:
            yield f"connection {slug} has no webhook secret: its deliveries are answered 503 until it has one"
        if fields["earlier"] == "import" and fields["scopes"] and fields["kind"] not in listing:
            yield (
                f"connection {slug}: {fields['kind']} can't be imported from yet; key results that reach a scope "
                "not imported yet show as partly seen (with earlier: ignore they count what comes from now on)"
            )
    for slug, fields in wanted["rules"].items():
        if fields["query"]:
            yield (
                f"rule {slug}: queries in the tracker's own language are not evaluated yet; "
                f"key result {fields['key_result']} shows as partly seen"
            )
        else:
            yield from _unwatched(str(slug), fields["when"], wanted["connections"].get(fields["connection"]))
    for change in changes:
        if change.section == "connections" and change.differs("options"):
            yield f"connection {change.key}: known issues are read by the changed options from their next delivery on"


def _unwatched(slug: str, when: object, connection: object) -> Iterator[str]:
    reached = scopes_reached(when) if isinstance(when, dict) else None
    if reached is None or not isinstance(connection, dict):
        return
    watched = {name.casefold() for name in connection["scopes"]}
    missing = sorted(reached - watched)
    if missing:
        yield f"rule {slug} asks for {', '.join(missing)}, which its connection does not watch"

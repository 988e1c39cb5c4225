"""What people should know about a state that is allowed, but may not do what they expect."""

from collections.abc import Iterable, Iterator, Mapping

from sync_service.apply.changes import Change
from sync_service.apply.models import CREDENTIALS
from sync_service.apply.state import Fields, State
from sync_service.domain.abilities import Lists
from sync_service.domain.connectors import Connection, Connector
from sync_service.domain.queries import Queries
from sync_service.domain.rules import scopes_reached


def cautions(wanted: State, changes: Iterable[Change], *, connectors: Mapping[str, Connector]) -> Iterator[str]:
    """Give the warnings, one sentence each."""
    for slug, fields in wanted["connections"].items():
        if not fields["webhook_secrets"] and not fields["oauth"]:
            yield f"connection {slug} has no webhook secret: its deliveries are answered 503 until it has one"
        if fields["earlier"] == "import" and fields["scopes"] and not isinstance(connectors[fields["kind"]], Lists):
            yield (
                f"connection {slug}: {fields['kind']} can't be imported from yet; key results that reach a scope "
                "not imported yet show as partly seen (with earlier: ignore they count what comes from now on)"
            )
    for slug, fields in wanted["rules"].items():
        if fields["query"]:
            yield from _unlisted(str(slug), fields, wanted["connections"].get(fields["connection"]), connectors)
        else:
            yield from _unwatched(str(slug), fields["when"], wanted["connections"].get(fields["connection"]))
    for change in changes:
        if change.section == "connections" and change.differs("options"):
            yield f"connection {change.key}: known issues are read by the changed options from their next delivery on"


def _unlisted(slug: str, rule: Fields, connection: Fields | None, connectors: Mapping[str, Connector]) -> Iterator[str]:
    """Say why the members of a query will not be known."""
    if connection is None or not rule["enabled"]:
        return
    partly = f"key result {rule['key_result']} shows as partly seen"
    connector = connectors[connection["kind"]]
    if not isinstance(connector, Queries):
        yield f"rule {slug}: queries of {connector.title} are not evaluated yet; {partly}"
    elif not any(connection.get(name) for name in CREDENTIALS):
        view = Connection(slug=rule["connection"], site=connection["site"])
        unjudged = connector.unjudged(view, query=rule["query"])
        if unjudged or not connector.judges:
            missing = f" can't judge {', '.join(unjudged)}, and" if unjudged else ""
            yield f"rule {slug}: without credentials we{missing} can't list what the query finds; {partly}"


def _unwatched(slug: str, when: object, connection: object) -> Iterator[str]:
    reached = scopes_reached(when) if isinstance(when, dict) else None
    if reached is None or not isinstance(connection, dict):
        return
    watched = {name.casefold() for name in connection["scopes"]}
    missing = sorted(reached - watched)
    if missing:
        yield f"rule {slug} asks for {', '.join(missing)}, which its connection does not watch"

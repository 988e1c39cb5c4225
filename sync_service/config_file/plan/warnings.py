"""Warnings of a plan: states that are allowed, but may not do what people expect."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.models import CREDENTIALS
from sync_service.config_file.read.state import Fields, State
from sync_service.domain.rules.condition_reach import possible_scopes
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import folded
from sync_service.domain.trackers.capabilities import ListsChanges
from sync_service.domain.trackers.connector import Connection, Connector
from sync_service.domain.trackers.queries import EvaluatesQueries
from sync_service.store.trackers.siblings import site_key

MOST_NAMED = 20
"""Most people that one warning names."""


def unnamed_people(stored: State, wanted: State) -> Iterator[str]:
    """Yield a warning about people who are not in files that name people: they stay able to sign in."""
    listed = sorted(str(email) for email in stored["people"] if email not in wanted["people"])
    if not listed or not wanted["people"]:
        return
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    who = f"{', '.join(listed[:MOST_NAMED])}{more} {'are' if len(listed) > 1 else 'is'}"
    yield f"{who} not in these files and can still sign in; to end that: okr-sync people remove EMAIL"


def warnings(
    wanted: State,
    changes: Iterable[Change],
    *,
    connectors: Mapping[str, Connector],
    never_named: Iterable[tuple[str, str]] = (),
) -> Iterator[str]:
    """Yield the warnings, one sentence each. `never_named` are connections and scopes that no tracker has named."""
    for of, name in never_named:
        if name in wanted["connections"].get(of, {}).get("scopes", ()):
            yield f"connection {of}: no delivery or poll has named {name} yet, but other scopes: check its name"
    for slug, fields in wanted["connections"].items():
        if not fields["webhook_secrets"] and not fields["oauth"]:
            yield f"connection {slug} has no webhook secret: its deliveries are answered 503 until it has one"
        if (
            fields["earlier"] == "import"
            and fields["scopes"]
            and not isinstance(connectors[fields["kind"]], ListsChanges)
        ):
            yield (
                f"connection {slug}: import from {fields['kind']} is not supported yet; key results with issues from a "
                "scope that is not imported show as partly seen (with earlier: ignore they count only later changes)"
            )
    yield from _watched_twice(wanted)
    for slug, fields in wanted["rules"].items():
        if fields["query"]:
            yield from _unlisted_queries(str(slug), fields, wanted["connections"].get(fields["connection"]), connectors)
        else:
            yield from _unwatched_scopes(str(slug), fields["when"], wanted["connections"].get(fields["connection"]))
    for change in changes:
        if change.section == "connections" and change.differs("options"):
            yield from _changed_options(change)


def _changed_options(change: Change) -> Iterator[str]:
    """Yield from when on changed options apply to known issues."""
    before, after = (change.before or {})["options"], (change.after or {})["options"]
    if {**before, "fields": None} != {**after, "fields": None}:
        yield f"connection {change.key}: the changed options apply to a known issue from its next delivery on"
    if before.get("fields") != after.get("fields") and after.get("fields"):
        has_credentials = any((change.after or {}).get(name) for name in CREDENTIALS)
        when = "once its scopes are listed again" if has_credentials else "from the issue's next delivery on"
        yield f"connection {change.key}: the custom fields of a known issue are known {when}; until then its links stay"


def _watched_twice(wanted: State) -> Iterator[str]:
    """Yield which scopes several connections to one site watch."""
    watching: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for slug, fields in wanted["connections"].items():
        for name in fields["scopes"]:
            watching[fields["kind"], site_key(fields["site"]), name.casefold()].append(str(slug))
    for (_, _, name), slugs in watching.items():
        if len(slugs) > 1:
            yield f"{name} is watched by {' and '.join(slugs)}: each of its issues counts once"


def _unlisted_queries(
    slug: str, rule: Fields, connection: Fields | None, connectors: Mapping[str, Connector]
) -> Iterator[str]:
    """Yield why the members of a query cannot be listed."""
    if connection is None or not RuleState(rule["state"]).matches:
        return
    consequence = f"key result {rule['key_result']} shows as partly seen"
    connector = connectors[connection["kind"]]
    if not isinstance(connector, EvaluatesQueries):
        yield f"rule {slug}: queries of {connector.title} are not evaluated yet; {consequence}"
    elif not any(connection.get(name) for name in CREDENTIALS):
        view = Connection(slug=rule["connection"], site=connection["site"])
        not_evaluable = connector.not_evaluable(view, query=rule["query"])
        if not_evaluable or not connector.evaluates_locally:
            reason = f"evaluate {', '.join(not_evaluable)} or " if not_evaluable else ""
            yield f"rule {slug}: without credentials we cannot {reason}list what the query finds; {consequence}"


def _unwatched_scopes(slug: str, when: object, connection: object) -> Iterator[str]:
    reached = possible_scopes(when) if isinstance(when, dict) else None
    if reached is None or not isinstance(connection, dict):
        return
    watched = {folded(name) for name in connection["scopes"]}
    missing = sorted(reached - watched)
    if missing:
        yield f"rule {slug} names {', '.join(missing)}, which its connection does not watch"

"""Write the changes of a state as rows. What follows for values and links is in `follow_ups.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.plan.page_edits import Origin, Origins, written_paths
from sync_service.config_file.plan.saving.links import LinkWriter
from sync_service.config_file.read.models import CREDENTIALS, SECRET_FIELDS
from sync_service.config_file.read.state import Fields, Key
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store import tables as t
from sync_service.store.engine.encryption import Sealer
from sync_service.store.engine.many_rows import insert_rows, update_rows
from sync_service.store.jobs import oauth_tokens, polls, write_backs
from sync_service.store.okrs import okr_removal, query_listings, rules, team_settings
from sync_service.store.queue import rate_limits, scheduled_tasks
from sync_service.store.trackers import connection_removal, connections, scope_moves, scope_names

_TABLES: Mapping[str, sa.Table] = {
    "organisation": t.organisation,
    "teams": t.team,
    "people": t.person,
    "cycles": t.cycle,
    "connections": t.connection,
    "objectives": t.objective,
    "key_results": t.key_result,
}


@dataclass(slots=True, kw_only=True)
class ChangeWriter:
    """Writes changes inside one transaction, in the order they come; resolves names to row ids.

    `origins` are those before; what a page writes is added to them, and what a file writes ends them.
    """

    tx: Transaction
    sealer: Sealer
    actor: str
    now: datetime
    made_by: Literal["file", "page"]
    origins: Origins
    _parents: list[Change] = field(default_factory=list)
    _ids: dict[str, dict[str, int]] = field(default_factory=dict)
    _links: LinkWriter = field(init=False)

    def __post_init__(self) -> None:
        self._links = LinkWriter(self.tx, self.id_of)

    def save(self, changes: Sequence[Change]) -> None:
        """Create or change items, those of one section by a few statements."""
        for section, some in groupby(changes, key=lambda one: one.section):
            self._save_section(section, list(some))

    def _save_section(self, section: str, changes: Sequence[Change]) -> None:
        if section == "rules":
            rules.write(self.tx, [self._rule(one) for one in changes], changed_by=self.actor, now=self.now)
        elif section == "links":
            self._links.save(changes)
        else:
            self._save_named(section, changes)
        self._save_origins(section, changes)

    def _save_origins(self, section: str, changes: Sequence[Change]) -> None:
        """Store who changed the items, where they were made, and what a page wrote."""
        table, by = _table(section), _by(section)
        for new in (True, False):
            some = [one for one in changes if (one.before is None) == new]
            made = {"origin": self.made_by} if new else {}
            rows = [{by: self._found_by(one), **made, **self._origin(one)} for one in some]
            update_rows(self.tx, table, rows, by=by)

    def _origin(self, change: Change) -> dict[str, Any]:
        edits: Mapping[str, str] = {}
        if self.made_by == "page":
            before = self.origins.get((change.section, change.key), Origin()).edits
            assert change.after is not None
            edits = {**before, **dict.fromkeys(written_paths(change.before, change.after), self.actor)}
        return {"changed_by": self.actor, "page_edits": edits}

    def _found_by(self, change: Change) -> Any:
        """Return what finds an item's row: its name; the id of a link, and of the organisation."""
        if change.section == "links":
            return self._links.row_id(change.key)
        if change.section == "organisation":
            return self.tx.scalars(sa.select(t.organisation.c.id)).one()
        return change.key

    def remove_rules(self, slugs: Sequence[str]) -> None:
        """Remove rules, all of them by a few statements."""
        rules.remove(self.tx, slugs, changed_by=self.actor, now=self.now)

    def remove(self, change: Change) -> None:
        """Remove one item; rows that refer to it follow the tables' foreign keys."""
        if change.section == "links":
            self._links.remove(change.key)
        elif change.section == "connections":
            connection_removal.begin(self.tx, str(change.key))
        else:
            table = _TABLES[change.section]
            if change.section in ("teams", "objectives"):
                below = table.c.parent_id == self.id_of(change.section, str(change.key))
                self.tx.execute(sa.update(table).where(below).values(parent_id=None))
            if table in (t.key_result, t.objective, t.cycle):
                okr_removal.begin(self.tx, table, str(change.key))
            else:
                self.tx.execute(sa.delete(table).where(_named(table, change.key)))
        team_settings.clear_cache(self.tx)

    def set_parents(self) -> None:
        """Set the parents of teams and objectives, which may have been saved after their children."""
        for section, some in groupby(self._parents, key=lambda one: one.section):
            parents = [(one.key, one.after["parent"]) for one in some if one.after is not None]
            rows = [{"slug": slug, "parent_id": self.id_of(section, parent)} for slug, parent in parents]
            update_rows(self.tx, _TABLES[section], rows, by="slug")
        team_settings.clear_cache(self.tx)

    def stop_watching(self, change: Change) -> None:
        """Stop watching the scopes that a connection no longer names."""
        if change.section != "connections" or change.before is None or change.after is None:
            return
        lost = set(change.before["scopes"]) - set(change.after["scopes"])
        connection_id = self.id_of("connections", str(change.key))
        assert connection_id is not None
        scope_moves.stop_watching(self.tx, connection_id, lost)

    def id_of(self, section: str, name: str | None) -> int | None:
        """Return the row id of a named item; None when there is no name."""
        if name is None:
            return None
        if section not in self._ids:
            table = _TABLES[section]
            named = sa.select(_name_column(table).label("name"), table.c.id)
            self._ids[section] = {row.name: row.id for row in self.tx.execute(named)}
        return self._ids[section][name]

    def _save_named(self, section: str, changes: Sequence[Change]) -> None:
        table = _TABLES[section]
        if section in ("teams", "objectives"):
            self._parents += changes
        new = [self._row(one) for one in changes if one.before is None]
        ids = insert_rows(self.tx, table, new, by=_by(section))
        if section in self._ids:
            self._ids[section] |= ids
        update_rows(self.tx, table, [self._row(one) for one in changes if one.before is not None], by=_by(section))
        for change in changes:
            if section == "connections" and change.after is not None:
                self._finish_connection(change, change.after)

    def _row(self, change: Change) -> dict[str, Any]:
        assert change.after is not None
        columns = self._columns(change.section, change.after)
        if change.section == "organisation":
            return columns if change.before is None else columns | {"id": self._found_by(change)}
        return columns | {_by(change.section): change.key}

    def _columns(self, section: str, fields: Fields) -> dict[str, Any]:
        """Convert fields to columns: names become ids, secrets are encrypted."""
        match section:
            case "connections":
                return self._connection(fields)
            case "people":
                references = {"team_id": self.id_of("teams", fields["team"])}
            case "objectives":
                references = {
                    "cycle_id": self.id_of("cycles", fields["cycle"]),
                    "team_id": self.id_of("teams", fields["team"]),
                    "owner_id": self.id_of("people", fields["owner"]),
                    "parent_id": None,  # see set_parents
                }
            case "teams":
                references = {"parent_id": None}
            case "key_results":
                references = {
                    "objective_id": self.id_of("objectives", fields["objective"]),
                    "owner_id": self.id_of("people", fields["owner"]),
                }
            case _:
                references = {}
        own = {name: value for name, value in fields.items() if f"{name}_id" not in references}
        return dict(own) | references

    def _connection(self, fields: Fields) -> dict[str, Any]:
        return {
            "kind": fields["kind"],
            "site": fields["site"],
            "options": fields["options"],
            "earlier": fields["earlier"],
            "write_back": fields["write_back"],
            "owner_id": self.id_of("people", fields["owner"]),
            "sealed_token": self.sealer.encrypt(fields["token"]) if fields["token"] else None,
            "app_id": fields["app"]["id"] if fields["app"] else None,
            "sealed_app_key": self.sealer.encrypt(fields["app"]["private_key"]) if fields["app"] else None,
            "client_id": fields["oauth"]["client_id"] if fields["oauth"] else None,
            "sealed_client_secret": self.sealer.encrypt(fields["oauth"]["client_secret"]) if fields["oauth"] else None,
            "sealed_secrets": [self.sealer.encrypt(one) for one in fields["webhook_secrets"]],
        }

    def _finish_connection(self, change: Change, fields: Fields) -> None:
        """Watch the scopes; clear the refusal of a connection whose credentials changed."""
        connection_id = self.id_of("connections", str(change.key))
        assert connection_id is not None
        self._watch_scopes(connection_id, change, fields)
        # When an OAuth authorisation has ended, only a new authorisation helps.
        clears_refusal = (*CREDENTIALS, "site") if fields["oauth"] else (*SECRET_FIELDS, "site", "options")
        if change.differs(*clears_refusal):
            cleared = {"refused_at": None, "refused_reason": None, "retried_at": None}
            self.tx.execute(sa.update(t.connection).where(t.connection.c.id == connection_id).values(cleared))
        if change.differs(*CREDENTIALS, "site"):
            rate_limits.clear(self.tx, connection_id)
        if change.differs("oauth", "site"):
            oauth_tokens.revoke(self.tx, connection_id)  # they belong to another app or another site
        if connections.can_call(self.tx, connection_id):
            polls.ensure(self.tx, connection_id)
            scheduled_tasks.ensure(self.tx, connection_id)
        query_listings.hurry(self.tx, connection_id)
        if fields["write_back"] and not (change.before or {}).get("write_back"):
            write_backs.switch_on(self.tx, connection_id)

    def _watch_scopes(self, connection_id: int, change: Change, fields: Fields) -> None:
        """Watch the new scopes, with what a sibling knows of them."""
        own_scopes = t.scope.c.connection_id == connection_id
        covered = self.now if fields["earlier"] == "ignore" else None
        before = (change.before or {}).get("scopes", ())
        scope_moves.keep_watching(self.tx, connection_id, fields["scopes"])
        coming = scope_moves.moving_names(self.tx, connection_id)
        wanted = [name for name in fields["scopes"] if name not in coming]
        added = scope_names.watch(self.tx, connection_id, wanted, covered_at=covered)
        for name in added:
            if name not in before:  # else its scope has a new name, and this one is for another scope
                scope_moves.adopt(self.tx, connection_id, name)
        if covered and change.differs("earlier"):
            self.tx.execute(
                sa.update(t.scope).where(own_scopes, t.scope.c.covered_at.is_(None)).values(covered_at=covered)
            )

    def _rule(self, change: Change) -> rules.Definition:
        fields = change.after
        assert fields is not None
        connection_id = self.id_of("connections", fields["connection"])
        key_result_id = self.id_of("key_results", fields["key_result"])
        assert connection_id is not None
        assert key_result_id is not None
        return rules.Definition(
            slug=str(change.key),
            owner_id=self.id_of("people", fields["owner"]),
            connection_id=connection_id,
            key_result_id=key_result_id,
            condition=fields["when"] or {},
            query=fields["query"],
            state=RuleState(fields["state"]),
        )


def delete_page_edits(tx: Transaction, section: str, key: Key) -> None:
    """Delete the note of what pages wrote in an item: a file says the same."""
    table = _table(section)
    tx.execute(sa.update(table).where(_named(table, key)).values(page_edits={}))


def _table(section: str) -> sa.Table:
    return t.manual_link if section == "links" else t.rule if section == "rules" else _TABLES[section]


def _by(section: str) -> str:
    """Return the column by which an item's row is found."""
    if section in ("links", "organisation"):
        return "id"
    return "slug" if section == "rules" else _name_column(_TABLES[section]).name


def _named(table: sa.Table, key: Key) -> sa.ColumnElement[bool]:
    """Return the condition that a row is the item with this key."""
    if table is t.organisation:
        return sa.true()
    if isinstance(key, str):
        return _name_column(table) == key
    m = t.manual_link.c
    key_result = sa.select(t.key_result.c.id).where(t.key_result.c.slug == key[0]).scalar_subquery()
    connection = sa.select(t.connection.c.id).where(t.connection.c.slug == key[1]).scalar_subquery()
    return sa.and_(m.key_result_id == key_result, m.connection_id == connection, m.key == key[2])


def _name_column(table: sa.Table) -> sa.Column[Any]:
    return table.c.email if table is t.person else table.c.slug

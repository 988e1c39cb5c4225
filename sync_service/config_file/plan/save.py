"""Write the changes of a state as rows. What follows for values and links is in `follow_ups.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.plan.page_edits import Origin, Origins, written_paths
from sync_service.config_file.read.models import CREDENTIALS, SECRET_FIELDS
from sync_service.config_file.read.state import Fields, Key
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store import tables as t
from sync_service.store.engine.encryption import Sealer
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
    _ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def save(self, change: Change) -> None:
        """Create or change one item."""
        assert change.after is not None
        if change.section == "rules":
            self._save_rule(str(change.key), change.after)
        elif change.section == "links":
            self._save_link(change.key, change.after)
        else:
            self._save_named(change, change.after)
        self._save_origin(change, change.after)

    def _save_origin(self, change: Change, fields: Fields) -> None:
        """Remember who changed the item, where it was made, and what a page wrote."""
        columns: dict[str, Any] = {"changed_by": self.actor, "page_edits": {}}
        if self.made_by == "page":
            edits = self.origins.get((change.section, change.key), Origin()).edits
            columns["page_edits"] = {**edits, **dict.fromkeys(written_paths(change.before, fields), self.actor)}
        if change.before is None:
            columns["origin"] = self.made_by
        _update(self.tx, change.section, change.key, columns)

    def remove_rules(self, slugs: Sequence[str]) -> None:
        """Remove rules, all of them by a few statements."""
        rules.remove(self.tx, slugs, changed_by=self.actor, now=self.now)

    def remove(self, change: Change) -> None:
        """Remove one item; rows that refer to it follow the tables' foreign keys."""
        if change.section == "links":
            self._remove_link(change.key)
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
        team_settings.forget(self.tx)

    def set_parents(self) -> None:
        """Set the parents of teams and objectives, which may have been saved after their children."""
        for change in self._parents:
            parent = None if change.after is None else change.after["parent"]
            table = _TABLES[change.section]
            columns = {"parent_id": self.id_of(change.section, parent)}
            self.tx.execute(sa.update(table).where(_named(table, change.key)).values(columns))
        team_settings.forget(self.tx)

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
        if (section, name) not in self._ids:
            table = _TABLES[section]
            found = self.tx.execute(sa.select(table.c.id).where(_named(table, name))).scalar_one()
            self._ids[section, name] = found
        return self._ids[section, name]

    def _save_named(self, change: Change, fields: Fields) -> None:
        table, name = _TABLES[change.section], str(change.key)
        columns = self._columns(change.section, fields)
        if change.section in ("teams", "objectives"):
            self._parents.append(change)
        if change.before is None:
            columns |= {} if table is t.organisation else {_name_column(table).name: name}
            row_id = self.tx.execute(sa.insert(table).values(columns).returning(table.c.id)).scalar_one()
            self._ids[change.section, name] = row_id
        else:
            self.tx.execute(sa.update(table).where(_named(table, name)).values(columns))
        if change.section == "connections":
            self._finish_connection(change, fields)

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
        return {name: _column(_TABLES[section].c[name], value) for name, value in own.items()} | references

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

    def _save_rule(self, slug: str, fields: Fields) -> None:
        connection_id = self.id_of("connections", fields["connection"])
        key_result_id = self.id_of("key_results", fields["key_result"])
        assert connection_id is not None
        assert key_result_id is not None
        wanted = rules.Definition(
            slug=slug,
            owner_id=self.id_of("people", fields["owner"]),
            connection_id=connection_id,
            key_result_id=key_result_id,
            condition=fields["when"] or {},
            query=fields["query"],
            state=RuleState(fields["state"]),
        )
        rules.write(self.tx, wanted, changed_by=self.actor, now=self.now)

    def _save_link(self, key: Key, fields: Fields) -> None:
        changed = (
            sa.update(t.manual_link)
            .where(_named(t.manual_link, key))
            .values(weight=fields["weight"], kept_for_scope_id=None)
        )
        if self.tx.execute(changed).rowcount == 0:
            columns = {
                "key_result_id": self.id_of("key_results", key[0]),
                "connection_id": self.id_of("connections", key[1]),
                "key": key[2],
                "weight": fields["weight"],
            }
            self.tx.execute(sa.insert(t.manual_link).values(columns))

    def _remove_link(self, key: Key) -> None:
        found = self.tx.scalar(sa.select(t.manual_link.c.id).where(_named(t.manual_link, key)))
        if found is not None and not scope_moves.keep_link(self.tx, found):
            self.tx.execute(sa.delete(t.manual_link).where(t.manual_link.c.id == found))


def forget_page_edits(tx: Transaction, section: str, key: Key) -> None:
    """Forget what pages wrote in an item: a file says the same."""
    _update(tx, section, key, {"page_edits": {}})


def _update(tx: Transaction, section: str, key: Key, columns: Mapping[str, Any]) -> None:
    table = t.manual_link if section == "links" else t.rule if section == "rules" else _TABLES[section]
    tx.execute(sa.update(table).where(_named(table, key)).values(columns))


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


def _column(column: sa.Column[Any], value: Any) -> Any:
    return sa.null() if value is None and isinstance(column.type, sa.JSON) else value

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
from sync_service.config_file.plan.saving import removal
from sync_service.config_file.plan.saving.item_tables import TABLES, found_by
from sync_service.config_file.plan.saving.links import LinkWriter
from sync_service.config_file.read.models import CREDENTIALS, SECRET_FIELDS
from sync_service.config_file.read.state import Fields, Key
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.fields.custom_fields import names_more_fields
from sync_service.store import tables as t
from sync_service.store.engine.encryption import Sealer
from sync_service.store.engine.many_rows import chunks, insert_rows, update_rows
from sync_service.store.jobs import oauth_tokens, polls, write_backs
from sync_service.store.okrs import query_listings, rules, team_settings
from sync_service.store.queue import rate_limits, scheduled_tasks
from sync_service.store.trackers import connection_removal, connections, scope_moves, scope_names

MadeBy = Literal["file", "page"]
"""What makes changes."""


@dataclass(slots=True, kw_only=True)
class ChangeWriter:
    """Writes changes inside one transaction, in the order they come; resolves names to row ids.

    `origins` are those before; what a page writes is added to them, and what a file writes ends them.
    """

    tx: Transaction
    sealer: Sealer
    actor: str
    now: datetime
    made_by: MadeBy
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
            forms = {str(one.key): one.after for one in changes if one.after is not None}
            rules.write(self.tx, [self._rule(one) for one in changes], changed_by=self.actor, now=self.now, forms=forms)
        elif section == "links":
            self._links.save(changes)
        else:
            self._save_named(section, changes)
        self._save_origins(section, changes)

    def _save_origins(self, section: str, changes: Sequence[Change]) -> None:
        """Store who changed the items, where they were made, and what a page wrote."""
        table, by = TABLES[section], found_by(section)
        for new in (True, False):
            some = [one for one in changes if (one.before is None) == new]
            made = {"changed_by": self.actor} | ({"origin": self.made_by} if new else {})
            if self.made_by == "page":
                rows = [
                    {by: self._found_by(section, one.key), **made, "page_edits": self._page_edits(one)} for one in some
                ]
                update_rows(self.tx, table, rows, by=by)
            else:
                self._update_alike(section, [one.key for one in some], made | {"page_edits": {}})

    def _update_alike(self, section: str, keys: Sequence[Key], values: Mapping[str, Any]) -> None:
        """Give items of a section the same values."""
        table = TABLES[section]
        for some in chunks([self._found_by(section, key) for key in keys]):
            self.tx.execute(sa.update(table).where(table.c[found_by(section)].in_(some)).values(values))

    def delete_page_edits(self, items: Sequence[tuple[str, Key]]) -> None:
        """Delete what pages wrote in items: a file says the same."""
        for section, some in groupby(sorted(items, key=_section_of), key=_section_of):
            self._update_alike(section, [key for _, key in some], {"page_edits": {}})

    def _page_edits(self, change: Change) -> Mapping[str, str]:
        before = self.origins.get((change.section, change.key), Origin()).edits
        assert change.after is not None
        return {**before, **dict.fromkeys(written_paths(change.before, change.after), self.actor)}

    def _found_by(self, section: str, key: Key) -> Any:
        """Return what finds an item's row: its name; the id of a link, and of the organisation."""
        if section == "links":
            return self._links.row_id(key)
        if section == "organisation":
            return self.tx.scalars(sa.select(t.organisation.c.id)).one()
        return key

    def remove_rules(self, slugs: Sequence[str]) -> None:
        """Remove rules, all of them by a few statements."""
        rules.remove(self.tx, slugs, changed_by=self.actor, now=self.now)

    def remove(self, changes: Sequence[Change]) -> None:
        """Remove items, those of one section by a few statements."""
        for section, some in groupby(changes, key=lambda one: one.section):
            keys = [one.key for one in some]
            if section == "links":
                self._links.remove(keys)
            else:
                removal.remove(self.tx, section, [str(key) for key in keys])
        team_settings.clear_cache(self.tx)

    def set_parents(self) -> None:
        """Set the parents of teams and objectives, which may have been saved after their children."""
        for section, some in groupby(self._parents, key=lambda one: one.section):
            parents = [(one.key, one.after["parent"]) for one in some if one.after and one.after["parent"] is not None]
            rows = [{"slug": slug, "parent_id": self.id_of(section, parent)} for slug, parent in parents]
            update_rows(self.tx, TABLES[section], rows, by="slug")
        team_settings.clear_cache(self.tx)

    def stop_watching(self, change: Change) -> None:
        """Stop watching the scopes that a connection no longer names; all of one that is removed."""
        if change.section != "connections" or change.before is None:
            return
        if change.after is None:
            connection_removal.leave(self.tx, str(change.key))
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
            table = TABLES[section]
            named = sa.select(table.c[found_by(section)].label("name"), table.c.id)
            self._ids[section] = {row.name: row.id for row in self.tx.execute(named)}
        return self._ids[section][name]

    def _save_named(self, section: str, changes: Sequence[Change]) -> None:
        table = TABLES[section]
        if section in ("teams", "objectives"):
            self._parents += changes
        new = [self._row(one) for one in changes if one.before is None]
        if section == "connections":
            connection_removal.free_slugs(self.tx, [str(one.key) for one in changes if one.before is None])
        ids = insert_rows(self.tx, table, new, by=found_by(section))
        if section in self._ids:
            self._ids[section] |= ids
        update_rows(self.tx, table, [self._row(one) for one in changes if one.before is not None], by=found_by(section))
        for change in changes:
            if section == "connections" and change.after is not None:
                self._finish_connection(change, change.after)

    def _row(self, change: Change) -> dict[str, Any]:
        assert change.after is not None
        columns = self._columns(change.section, change.after)
        if change.section == "organisation":
            return columns if change.before is None else columns | {"id": self._found_by("organisation", change.key)}
        return columns | {found_by(change.section): change.key}

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
            if change.before and names_more_fields(change.before["options"], fields["options"]):
                polls.read_again(self.tx, connection_id)
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


def _section_of(item: tuple[str, Key]) -> str:
    return item[0]

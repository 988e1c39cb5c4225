"""The table of each section of the configuration, and the column by which an item's row is found."""

from collections.abc import Mapping

import sqlalchemy as sa

from sync_service.store import tables as t

TABLES: Mapping[str, sa.Table] = {
    "organisation": t.organisation,
    "teams": t.team,
    "people": t.person,
    "cycles": t.cycle,
    "connections": t.connection,
    "objectives": t.objective,
    "key_results": t.key_result,
    "rules": t.rule,
    "links": t.manual_link,
}


def found_by(section: str) -> str:
    """Return the column by which an item's row is found: its name; the id of a link, and of the organisation."""
    if section in ("links", "organisation"):
        return "id"
    return "email" if section == "people" else "slug"

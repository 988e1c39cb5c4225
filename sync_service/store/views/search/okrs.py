"""Search over objectives, key results, rules, teams and people: their names are read and compared here.

SQLite compares only ASCII letters without case, and there are hundreds of them, not thousands.
"""

from collections.abc import Callable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.search import SearchWords
from sync_service.store import tables
from sync_service.store.views.rules import rule_views
from sync_service.store.views.search.found import Found, Kind, Ranked, about


def objectives(tx: Transaction, words: SearchWords) -> Iterator[Ranked]:
    """Yield the objectives that match, those of the latest cycle first."""
    o, c, t, p = tables.live_objective, tables.live_cycle, tables.team, tables.person
    columns = (o.c.slug, o.c.title, c.c.name.label("cycle"), t.c.name.label("team"), p.c.name.label("owner"))
    statement = sa.select(*columns).join(c, c.c.id == o.c.cycle_id).outerjoin(t, t.c.id == o.c.team_id)
    statement = statement.outerjoin(p, p.c.id == o.c.owner_id).order_by(c.c.starts.desc(), o.c.position, o.c.id)
    for row in tx.execute(statement):
        where = about(row.cycle, row.team, row.owner)
        rank = words.rank([row.slug], row.title, [where])
        if rank is not None:
            yield rank, Found(kind=Kind.OBJECTIVES, key=row.slug, title=row.title, about=where)


def key_results(tx: Transaction, words: SearchWords) -> Iterator[Ranked]:
    """Yield the key results that match, those of the latest cycle first."""
    k, o, c, p = tables.live_key_result, tables.live_objective, tables.live_cycle, tables.person
    columns = (k.c.slug, k.c.title, k.c.status, o.c.title.label("objective"), c.c.name.label("cycle"))
    statement = sa.select(*columns, p.c.name.label("owner")).join(o, o.c.id == k.c.objective_id)
    statement = statement.join(c, c.c.id == o.c.cycle_id).outerjoin(p, p.c.id == k.c.owner_id)
    order = (c.c.starts.desc(), o.c.position, o.c.id, k.c.position, k.c.id)
    for row in tx.execute(statement.order_by(*order)):
        where = about(row.cycle, row.objective, row.owner)
        rank = words.rank([row.slug], row.title, [where])
        if rank is not None:
            found = Found(kind=Kind.KEY_RESULTS, key=row.slug, title=row.title, about=where, state=row.status)
            yield rank, found


def rules(tx: Transaction, words: SearchWords) -> Iterator[Ranked]:
    """Yield the rules that match, by slug. The texts are those that the list of rules searches."""
    for rule in rule_views(tx):
        others = (rule.connection, rule.key_result, rule.key_result_title, rule.owner_name or "")
        rank = words.rank([rule.slug], rule.words, others)
        if rank is not None:
            where = about(f"toward {rule.key_result}", rule.connection, rule.owner_name)
            yield rank, Found(kind=Kind.RULES, key=rule.slug, title=rule.words, about=where, state=rule.state)


def teams(tx: Transaction, words: SearchWords) -> Iterator[Ranked]:
    """Yield the teams that match, by name."""
    t, above = tables.team, tables.team.alias("above")
    statement = sa.select(t.c.slug, t.c.name, above.c.name.label("parent"))
    statement = statement.outerjoin(above, above.c.id == t.c.parent_id).order_by(t.c.name, t.c.slug)
    for row in tx.execute(statement):
        rank = words.rank([row.slug], row.name, [row.parent or ""])
        if rank is not None:
            where = about(f"in {row.parent}" if row.parent else None)
            yield rank, Found(kind=Kind.TEAMS, key=row.slug, title=row.name, about=where)


def people(tx: Transaction, words: SearchWords) -> Iterator[Ranked]:
    """Yield the people that match, by name."""
    p, t = tables.person, tables.team
    statement = sa.select(p.c.email, p.c.name, t.c.name.label("team")).outerjoin(t, t.c.id == p.c.team_id)
    for row in tx.execute(statement.order_by(p.c.name, p.c.email)):
        rank = words.rank([row.email], row.name, [row.team or ""])
        if rank is not None:
            yield rank, Found(kind=Kind.PEOPLE, key=row.email, title=row.name, about=about(row.team))


READERS: Mapping[Kind, Callable[[Transaction, SearchWords], Iterator[Ranked]]] = {
    Kind.KEY_RESULTS: key_results,
    Kind.OBJECTIVES: objectives,
    Kind.RULES: rules,
    Kind.TEAMS: teams,
    Kind.PEOPLE: people,
}
"""What is read whole and compared here."""

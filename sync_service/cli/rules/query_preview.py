"""The command `rule preview-query`: ask the tracker what a query finds, before a rule has it."""

import json
from collections.abc import Iterator

import click

from sync_service.cli.startup import open_services
from sync_service.domain.rules.rights import Writer
from sync_service.domain.text import amount, counted, instant, number
from sync_service.domain.trackers.queries import Asked
from sync_service.progress.previews.query_preview import QueryPreview, TriedQuery
from sync_service.progress.rules.editor import Refused
from sync_service.progress.rules.query_edits import QueryToTry, read_edit
from sync_service.store.engine.database import reading
from sync_service.web.api.queries import models

OUTCOMES = {
    Asked.REJECTED: "the query can't be used",
    Asked.NOT_NOW: "it can't be asked about now",
    Asked.REFUSED: "the tracker refuses to answer",
    Asked.IMPOSSIBLE: "it can't be asked about",
}


@click.command(name="preview-query", short_help="Ask the tracker what a query finds.")
@click.argument("query", required=False)
@click.option("--rule", help="A rule; what is left out is as this rule has it.")
@click.option("--connection", help="The connection to ask.")
@click.option("--key-result", help="The key result that the matches would count toward.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API does.")
def preview_query(
    query: str | None, rule: str | None, connection: str | None, key_result: str | None, *, as_json: bool
) -> None:
    """Ask the tracker what QUERY (JQL or a GitHub search) finds, and print what saving it would do.

    Nothing is saved. Exits with 1 where the tracker rejects the query or can't answer.
    """
    services = open_services()
    written = QueryToTry(rule=rule, connection=connection, key_result=key_result, query=query)
    try:
        with reading(services.engine) as tx:
            edit = read_edit(tx, written, writer=Writer(role="admin"), now=services.now())
    except Refused as refused:
        raise click.ClickException(str(refused)) from refused
    found = services.queries.preview(edit)
    if as_json:
        click.echo(json.dumps(models.TriedQuery.json_of(found), indent=2))
    elif found.preview:
        for line in _lines(found.preview):
            click.echo(line)
    if found.preview is None:
        raise click.ClickException(_reason(found))


def _reason(found: TriedQuery) -> str:
    again = f"; it can be asked again at {instant(found.reply.retry_at)}" if found.reply.retry_at else ""
    return f"{OUTCOMES[found.reply.outcome]}: {found.reply.words}{again}"


def _lines(seen: QueryPreview) -> Iterator[str]:
    yield f"{count_text(seen)}, {number(seen.new)} of those shown do not count yet"
    yield from (f"  warning: {words}" for words in seen.answer.warnings)
    if seen.answer.incomplete_reason:
        yield f"  matches may be missing: {seen.answer.incomplete_reason}"
    for one in seen.shown:
        state = one.state.value if one.state else "unknown"
        mark = "" if one.known else "  (unknown before listing)"
        yield f"  {'  ' if one.counts else '+ '}{one.key}  {state}  {one.title}{mark}"
    if seen.let_go:
        yield f"  - {counted(seen.let_go, 'issue')} no longer linked by the rule"
    for effect in seen.effects:
        before, after = amount(effect.before.value), amount(effect.after.value)
        yield f"{effect.slug}  {before} → {after}" if before != after else f"{effect.slug}  {after}, unchanged"
    if seen.unknown_effect:
        yield f"the new values are not known yet: {seen.unknown_effect}"


def count_text(seen: QueryPreview) -> str:
    """Return how many issues the tracker finds, in words."""
    answer = seen.answer
    if answer.count is None:
        return f"more than {counted(len(seen.shown), 'issue')}"
    outside = f", {answer.outside} more outside the watched scopes" if answer.outside else ""
    return f"{'' if answer.exact else 'about '}{counted(answer.count, 'issue')}{outside}"

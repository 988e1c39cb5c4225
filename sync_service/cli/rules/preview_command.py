"""The command `rule preview`: what saving a rule would do, of a file or as a change of a rule."""

import json
from collections.abc import Sequence
from typing import BinaryIO

import click

from sync_service.cli.people.account import actor
from sync_service.cli.rules.preview_output import preview_lines
from sync_service.cli.rules.rule_file import RuleInFile, read_rules
from sync_service.cli.startup import open_services
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.yaml_lines import MAX_FILE_BYTES, read_yaml
from sync_service.domain.rules.rights import Writer
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import counted, did_you_mean
from sync_service.progress.previews.written_rule import PreviewedRule, WrittenRule, WrongRule, preview_written
from sync_service.progress.rules.editor import Refused, RuleEditor
from sync_service.store.engine.database import reading
from sync_service.store.views import rules as rule_views
from sync_service.web.api.trials.preview_models import preview_json


@click.command(name="preview", short_help="Say what saving a rule would do.")
@click.argument("file", metavar="[FILE|-]", required=False, type=click.File("rb"))
@click.option("--rule", "slug", metavar="RULE", help="Preview this rule as the other options change it.")
@click.option("--when", metavar="CONDITION", help="Its condition, as YAML or JSON.")
@click.option("--key-result", metavar="KR", help="Its key result.")
@click.option("--state", type=click.Choice([one.value for one in RuleState]), help="Its state.")
@click.option(
    "--lines", is_flag=True, help="Also the line of each key result as it would have been; this takes longer."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in the form of the API.")
def preview(
    file: BinaryIO | None,
    *,
    slug: str | None,
    when: str | None,
    key_result: str | None,
    state: str | None,
    lines: bool,
    as_json: bool,
) -> None:
    """Say what saving a rule would do: links, proposals, and old and new value of each key result. Nothing is saved.

    FILE has one rule, or a list "rules" as in the configuration; each is previewed by itself. With --rule it is a rule
    that exists, changed as --when, --key-result and --state say.
    """
    if (file is None) == (slug is None):
        raise click.UsageError("name either a file or --rule")
    if file is not None:
        if when or key_result or state:
            raise click.UsageError("--when, --key-result and --state go with --rule")
        found = _of_file(file, lines=lines)
    else:
        wanted = RuleState(state) if state else None
        written = WrittenRule(slug=slug or "", key_result=key_result, when=_condition(when), state=wanted)
        found = [_changed(written, lines=lines)]
    if as_json:
        click.echo(json.dumps({"items": [preview_json(one) for one in found]}, indent=2, ensure_ascii=False))
        return
    for one in found:
        for line in preview_lines(one):
            click.echo(line)


def _of_file(file: BinaryIO, *, lines: bool) -> Sequence[PreviewedRule]:
    try:
        written = read_rules(file.name, file.read(MAX_FILE_BYTES + 1))
        return [_previewed(one, lines=lines) for one in written]
    except InvalidFiles as error:
        raise click.ClickException(f"no preview: {counted(len(error.errors), 'error')}:\n{error}") from error


def _previewed(one: RuleInFile, *, lines: bool) -> PreviewedRule:
    try:
        return _preview(one.rule, lines=lines)
    except WrongRule as error:
        raise InvalidFiles(map(one.error_of, error.mistakes)) from error
    except Refused as error:
        raise InvalidFiles([one.file.error_at(one.path, f"rule {one.rule.slug}", str(error))]) from error


def _changed(written: WrittenRule, *, lines: bool) -> PreviewedRule:
    try:
        return _preview(written, lines=lines, known=True)
    except (WrongRule, Refused) as error:
        raise click.ClickException(str(error)) from error


def _preview(written: WrittenRule, *, lines: bool, known: bool = False) -> PreviewedRule:
    services, who = open_services(), actor("rule preview")
    with reading(services.engine) as tx:
        slugs = [one.slug for one in rule_views.rule_views(tx)] if known else [written.slug]
        if written.slug not in slugs:
            raise click.ClickException(f"there is no rule {written.slug}{did_you_mean(written.slug, slugs)}")
        editor = RuleEditor(tx=tx, writer=Writer(role="admin"), by=who, actor=who, now=services.now())
        return preview_written(editor, written, lines=lines)


def _condition(when: str | None) -> object:
    if when is None:
        return None
    written = read_yaml("--when", when.encode())
    if written.errors:
        raise click.ClickException(str(written.errors[0]))
    return written.value

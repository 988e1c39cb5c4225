"""Terminal output of a tried issue: why each rule matches it or not, as text and JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from sync_service.progress.previews.try_issue import TestedCondition, TriedIssue, TriedRule
from sync_service.web.api.trials import models

GROUPS = {"all": "all of these", "any": "one of these", "none": "none of these"}


def trial_json(found: Sequence[TriedIssue]) -> dict[str, Any]:
    """Return what the rules say of an issue as JSON, in the API's form."""
    return {"rules": [models.TriedRule.json_of(rule) for one in found for rule in one.rules]}


def trial_lines(found: Sequence[TriedIssue]) -> Iterator[str]:
    """Yield the lines of text about the rules of an issue."""
    for one in found:
        if one.unmatched:
            yield f"  no rule can match it: {one.unmatched}"
        for rule in one.rules:
            yield ""
            yield from _rule_lines(rule)


def _rule_lines(rule: TriedRule) -> Iterator[str]:
    says = {True: "matches", False: "does not match", None: "unknown"}[rule.holds]
    links = "links it" if rule.links else rule.why_not
    yield f"rule {rule.slug} → {rule.key_result}: {says}" + (f"; {links}" if links else "")
    if rule.query:
        yield f"       {rule.query}"
    if rule.tested:
        yield from _condition_lines(rule.tested, "  ")


def _condition_lines(one: TestedCondition, indent: str) -> Iterator[str]:
    sign = "yes" if one.holds else "no "
    if one.group:
        yield f"{indent}{sign}  {GROUPS[one.group]}:"
        for member in one.members:
            yield from _condition_lines(member, indent + "     ")
        return
    has = "" if one.found is None else f" (it has {', '.join(one.found) or 'none'})"
    yield f"{indent}{sign}  {one.words}{has}"
    if one.why:
        yield f"{indent}     {one.why}"

"""The JSON of a rule's preview. The command line prints it too, so this module imports no Flask."""

from typing import Any, Literal

from pydantic import Field

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.observations import State
from sync_service.progress.previews.written_rule import PreviewedRule, WrittenRule
from sync_service.web.api.decisions.bodies import Body
from sync_service.web.api.line.models import LineDay
from sync_service.web.api.models import Email, FromView
from sync_service.web.api.plan.models import Numbers


class RuleToPreview(Body):
    """A rule to preview, as in a file. What is left out is as the rule with that slug has it now."""

    slug: str = Field(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="of a rule, or of a new one",
        examples=["checkout-label"],
    )
    owner: str | None = Field(None, max_length=320, description="a person's address", examples=["ana@example.com"])
    connection: str | None = Field(None, max_length=100, examples=["acme-github"])
    key_result: str | None = Field(None, max_length=100, examples=["KR-1"])
    when: dict[str, Any] | None = Field(None, examples=[{"field": "labels", "has": "checkout"}])
    state: RuleState | None = Field(None, description="a new rule is active", examples=["active"])

    def written(self) -> WrittenRule:
        """Return the rule."""
        names = RuleToPreview.model_fields.keys()
        return WrittenRule(**{name: getattr(self, name) for name in names})


class PreviewRequest(RuleToPreview):
    """A rule to preview, and whether to replay the lines of its key results."""

    lines: bool = Field(
        default=False, strict=True, description="also the lines as they would have been; this takes longer"
    )


class WrittenForm(FromView):
    """The rule that is previewed."""

    slug: str = Field(examples=["checkout-label"])
    owner: Email | None
    connection: str = Field(examples=["acme-github"])
    key_result: str = Field(examples=["KR-1"])
    when: dict[str, Any]
    state: RuleState


class NamedIssue(FromView):
    """An issue that a preview names."""

    key: str = Field(examples=["acme/checkout#12"])
    title: str
    url: str
    state: State | None
    scope: str = Field(examples=["acme/checkout"])


class MatchingIssue(NamedIssue):
    """An issue that the rule matches."""

    becomes: Literal["linked", "proposed"] | None = Field(
        description="what the rule makes of it; null: nothing, as it is a draft or disabled, or the owner declined it"
    )
    new: bool = Field(description="whether the rule did not do so before")


class NearMiss(NamedIssue):
    """An issue that one condition excludes."""

    missing: str = Field(description="that condition in words", examples=["labels include checkout"])


class ConditionCount(FromView):
    """One of the conditions: how many issues meet it."""

    path: list[str | int] = Field(description="where it is in `when`", examples=[["all", 0]])
    words: str = Field(examples=["labels include checkout"])
    meet: int
    matching_without: int = Field(description="how many issues the rule would match without it")


class KnownValue(FromView):
    """A value that issues have."""

    value: str = Field(examples=["checkout"])
    issues: int


class UnknownValue(FromView):
    """A value in the condition that no issue has."""

    path: list[str | int] = Field(description="where it is in `when`", examples=[["all", 0, "has"]])
    field: str = Field(examples=["labels"])
    value: str = Field(examples=["chekout"])
    known: bool = Field(description="whether the tracker has it, on no issue yet")
    nearest: list[KnownValue]


class Changed(FromView):
    """A computed value that does not apply: it is proposed, or overridden."""

    before: float | None
    after: float | None


class Effect(FromView):
    """What saving does to a key result."""

    slug: str = Field(examples=["KR-1"])
    title: str = Field(examples=["Ship the new checkout"])
    unit: str = Field(examples=["%"])
    before: Numbers
    after: Numbers
    explanation: str = Field(description="how the value after follows")
    computed: Changed | None = Field(description="the computed values, where they do not apply")


class ReplayedLine(FromView):
    """The line of a key result as it is, and as it would have been with the rule since the cycle began."""

    slug: str = Field(examples=["KR-1"])
    real: list[LineDay]
    replayed: list[LineDay]


class Counts(FromView):
    """Links, or proposals, of the rule: those of now, and how many saving makes and removes."""

    now: int
    made: int
    removed: int


class RulePreview(FromView):
    """What saving a rule would do. Nothing is saved. Of each list, the first 50 are named."""

    rule: WrittenForm
    known: int = Field(description="how many issues of the connection are known")
    watched: int = Field(description="how many of them are in watched scopes, and so were matched")
    matching: int = Field(description="how many of these match, in whatever state the rule is")
    links: Counts
    proposals: Counts
    issues: list[MatchingIssue] = Field(description="matching issues, those that become something new first")
    unlinked: list[NamedIssue] = Field(description="issues that the rule would no longer link to its key result")
    withdrawn: list[NamedIssue] = Field(description="issues that the rule would no longer propose")
    near_misses: int = Field(description="issues that one condition excludes, among the newest `searched`")
    searched: int
    all_searched: bool = Field(description="whether these are all issues")
    near: list[NearMiss]
    conditions: list[ConditionCount]
    removing: list[ConditionCount] = Field(description="conditions without which the rule would match something")
    unknown_values: list[UnknownValue]
    key_results: list[Effect]
    lines: list[ReplayedLine] = Field(description="empty where they were not asked for")


def preview_json(found: PreviewedRule) -> dict[str, Any]:
    """Return the JSON of a preview."""
    seen, changes, misses = found.preview, found.preview.changes, found.preview.misses
    content = {
        "rule": found.rule,
        "known": seen.known,
        "watched": seen.watched,
        "matching": seen.matching,
        "links": {"now": changes.links_now, "made": len(changes.linked), "removed": len(changes.unlinked)},
        "proposals": {"now": changes.proposals_now, "made": len(changes.proposed), "removed": len(changes.withdrawn)},
        "issues": seen.shown,
        "unlinked": seen.lost,
        "withdrawn": seen.withdrawn,
        "near_misses": len(misses.found),
        "searched": misses.searched,
        "all_searched": misses.all_searched,
        "near": seen.near,
        "conditions": misses.conditions,
        "removing": misses.removing,
        "unknown_values": seen.unknown,
        "key_results": [_effect(found, one) for one in seen.effects],
        "lines": seen.lines,
    }
    return RulePreview.json_of(content)


def _effect(found: PreviewedRule, one: Any) -> dict[str, Any]:
    view = found.key_results.get(one.slug)
    computed = one.computed and dict(zip(("before", "after"), one.computed, strict=True))
    return {
        "slug": one.slug,
        "title": view.title if view else "",
        "unit": view.unit if view else "",
        "before": one.before,
        "after": one.after,
        "explanation": one.explanation,
        "computed": computed,
    }

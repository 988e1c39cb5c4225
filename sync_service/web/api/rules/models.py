"""The JSON of one rule, its versions and overlaps, and of proposed links: each model is a schema of the document."""

from typing import Any, Literal

from pydantic import AliasPath, Field

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.observations import State
from sync_service.web.api.decisions.bodies import Body
from sync_service.web.api.models import Email, FromView, Moment


class Overlap(FromView):
    """Another rule that matches some of the same issues."""

    rule: str = Field(validation_alias="other", description="the other rule's slug", examples=["payment-bugs"])
    connection: str = Field(description="its connection's slug", examples=["acme-github"])
    key_result: str = Field(description="its key result's slug", examples=["KR-2"])
    same: bool = Field(description="whether both count toward the same key result, where an issue counts once")
    issues: int = Field(description="how many issues both match", examples=[3])


class RuleDetail(FromView):
    """A mapping rule with its life: state, reviews, and overlaps with other rules."""

    slug: str = Field(validation_alias=AliasPath("rule", "slug"), examples=["checkout-label"])
    owner: Email | None = Field(validation_alias=AliasPath("rule", "owner"))
    connection: str = Field(validation_alias=AliasPath("rule", "connection"), examples=["acme-github"])
    key_result: str = Field(validation_alias=AliasPath("rule", "key_result"), examples=["KR-1"])
    when: dict[str, Any] | None = Field(validation_alias=AliasPath("rule", "condition"))
    query: str | None = Field(validation_alias=AliasPath("rule", "query"))
    state: RuleState = Field(validation_alias=AliasPath("rule", "state"))
    linked: int = Field(validation_alias=AliasPath("status", "linked"), description="issues that it links now")
    applying: bool = Field(
        validation_alias=AliasPath("status", "applying"), description="whether its last edit is not in force yet"
    )
    reviewed_at: Moment | None = Field(validation_alias=AliasPath("rule", "reviewed_at"))
    reviewed_by: str = Field(validation_alias=AliasPath("rule", "reviewed_by"), examples=["Ana Ruiz"])
    review_due_at: Moment | None = Field(description="when it is due for a review")
    overlaps: list[Overlap]


class RuleVersion(FromView):
    """One saved form of a rule."""

    number: int = Field(examples=[2])
    at: Moment
    changed_by: str = Field(examples=["Ana Ruiz"])
    what: str = Field(description="created, changed, back to a version, or removed", examples=["changed"])
    definition: dict[str, Any] | None = Field(description="as in the configuration file; null: the rule was removed")
    differences: list[str] = Field(
        description="what differs from the version before, in words", examples=[["state draft → active"]]
    )


class RuleVersionList(FromView):
    """The versions of a rule, newest first."""

    items: list[RuleVersion]


class ProposedLink(FromView):
    """An issue that a rule proposes for a key result."""

    issue: str = Field(description="CONNECTION:KEY", examples=["acme-github:acme/checkout#12"])
    title: str
    url: str
    state: State | None
    rule: str = Field(description="the rule's slug", examples=["checkout-label"])


class ProposedLinkList(FromView):
    """Proposed links, those of the latest issues first."""

    items: list[ProposedLink]


class LinkDecision(Body):
    """What becomes of proposed links."""

    decision: Literal["accept", "decline"] = Field(examples=["accept"])
    issues: list[str] | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="the issues, as CONNECTION:KEY; without them: all that wait, 500 at most",
        examples=[["acme-github:acme/checkout#12"]],
    )


class RuleStateChange(Body):
    """A new state of a rule."""

    state: RuleState = Field(examples=["disabled"])


class Undo(Body):
    """Which version of a rule becomes the newest."""

    version: int = Field(strict=True, examples=[1])

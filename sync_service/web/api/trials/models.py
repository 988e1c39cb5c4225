"""The JSON of tried rules. The command line prints it too, so this module imports no Flask."""

from typing import Literal

from pydantic import Field

from sync_service.domain.trackers.observations import State
from sync_service.web.api.decisions.bodies import Body
from sync_service.web.api.models import FromView


class IssueToTry(Body):
    """An issue to try the rules on."""

    issue: str = Field(
        max_length=2000,
        description="its key, CONNECTION:KEY, or the web address of a page that shows it",
        examples=["https://github.com/acme/checkout/issues/12"],
    )


class TestedCondition(FromView):
    """A condition, and whether it holds for an issue."""

    holds: bool
    words: str = Field(examples=["labels include checkout"])
    group: Literal["all", "any", "none"] | None = Field(description="null: a test of one field")
    found: list[str] | None = Field(
        description="what the issue has in the field, as rules compare it: in lower case", examples=[["payments"]]
    )
    members: list["TestedCondition"]
    why: str | None = Field(
        description="of under: by which ancestor, and where the chain of ancestors ends; null of other fields",
        examples=["PAY-7 is under PAY-1 through PAY-3; PAY-1 has no parent"],
    )


class TriedRule(FromView):
    """A rule, tried on an issue."""

    slug: str = Field(examples=["checkout-label"])
    key_result: str = Field(description="the slug of the key result", examples=["KR-1"])
    words: str = Field(description="its condition in words, or its query", examples=["labels include checkout"])
    query: str | None = Field(description="null: it has a condition")
    holds: bool | None = Field(description="of the condition or the query; null: nobody knows")
    links: bool = Field(description="whether the rule links the issue now")
    why_not: str | None = Field(description="why it does not link it, apart from its condition")
    tested: TestedCondition | None


class TriedIssue(FromView):
    """An issue, and what each rule of its connection says of it: those that hold come first."""

    connection: str = Field(examples=["acme-github"])
    key: str = Field(examples=["acme/checkout#12"])
    title: str
    url: str
    state: State | None
    unmatched: str | None = Field(description="why no rule can match it", examples=["acme/website is not watched"])
    serves: dict[str, list[str]] = Field(
        description="the key results that it is linked to, and why", examples=[{"KR-1": ["rule checkout-label"]}]
    )
    rules: list[TriedRule]


class TriedIssueList(FromView):
    """The issue that is meant, at each connection that knows it."""

    items: list[TriedIssue]

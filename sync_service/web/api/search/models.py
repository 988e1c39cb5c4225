"""The JSON of search results."""

from typing import Literal

from pydantic import Field

from sync_service.web.api.models import FromView

FoundKind = Literal["key_results", "objectives", "issues", "rules", "teams", "people"]


class FoundItem(FromView):
    """One result."""

    key: str = Field(description="a slug, an e-mail address, or an issue's key", examples=["KR-1"])
    title: str = Field(examples=["Ship the new checkout"])
    about: str = Field(description="where it belongs, in words", examples=["Q4 2026 · Paying is effortless · Ana Ruiz"])
    state: str | None = Field(description="status of a key result; state of a rule or an issue", examples=["on_track"])
    connection: str | None = Field(description="of an issue; else null", examples=["acme-github"])
    url: str = Field(description="an issue's page in its tracker", examples=[""])
    serves: list[str] = Field(description="the key results that an issue is linked to", examples=[[]])
    page: str = Field(description="its page here", examples=["https://okr.example.com/key-results/KR-1"])


class FoundGroup(FromView):
    """The best results of one kind."""

    kind: FoundKind
    more: bool = Field(description="whether there are more than `limit`")
    items: list[FoundItem]


class UnknownIssue(FromView):
    """An issue that was meant, and that is not known."""

    connection: str = Field(examples=["acme-github"])
    key: str = Field(examples=["acme/checkout#9999"])


class FoundGroups(FromView):
    """Groups of results, the best match first; a kind without results has no group."""

    groups: list[FoundGroup]
    unknown: list[UnknownIssue] = Field(description="where nothing is found: the issues that the text may name")

"""The JSON of tried queries. The command line prints it too, so this module imports no Flask."""

from pydantic import AliasPath, Field

from sync_service.domain.measures.status import Status
from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.queries import Asked
from sync_service.web.api.decisions.bodies import Body
from sync_service.web.api.models import FromView, Moment


class QueryToPreview(Body):
    """A query to ask the tracker about. With a `rule`, what is left out is as that rule has it."""

    rule: str | None = Field(None, max_length=100, description="a rule's slug", examples=["payment-bugs"])
    connection: str | None = Field(None, max_length=100, description="a connection's slug", examples=["acme-jira"])
    key_result: str | None = Field(None, max_length=100, description="a key result's slug", examples=["KR-2"])
    query: str | None = Field(
        None, max_length=10_000, description="JQL or a GitHub search", examples=["project = SHOP AND component = pay"]
    )


class KeyResultState(FromView):
    """The numbers of a key result."""

    value: float | None = Field(description="in the unit of the key result; null: no data", examples=[62.5])
    progress: float | None = Field(description="a fraction, not clamped; null: no data", examples=[0.625])
    status: Status


class QueryEffect(FromView):
    """What saving the query does to a key result."""

    slug: str = Field(examples=["KR-2"])
    before: KeyResultState
    after: KeyResultState


class ListedIssue(FromView):
    """An issue that the tracker finds."""

    key: str = Field(examples=["SHOP-12"])
    title: str
    url: str
    state: State | None
    known: bool = Field(description="whether it is stored here; others are unknown before listing")
    counts: bool = Field(description="whether it counts toward the key result now")


class QueryPreview(FromView):
    """What a query finds in the watched scopes, and what saving it would do."""

    count: int | None = Field(
        validation_alias=AliasPath("answer", "count"), description="null: the tracker does not say", examples=[12]
    )
    exact: bool = Field(
        validation_alias=AliasPath("answer", "exact"),
        description="false: the count is about right, or has issues in scopes that are not watched, too",
    )
    outside: int = Field(
        validation_alias=AliasPath("answer", "outside"), description="matches in scopes that are not watched, if known"
    )
    incomplete_reason: str | None = Field(
        validation_alias=AliasPath("answer", "incomplete_reason"), description="why matches may be missing"
    )
    warnings: list[str] = Field(validation_alias=AliasPath("answer", "warnings"), description="the tracker's own words")
    issues: list[ListedIssue] = Field(validation_alias="shown", description="the newest, 50 at most")
    new: int = Field(description="of these, how many do not count toward the key result yet", examples=[3])
    unknown: int = Field(description="of these, how many are not stored here", examples=[0])
    let_go: int | None = Field(description="issues that the rule would no longer link; null: unknown before listing")
    effects: list[QueryEffect] = Field(description="empty where the values are unknown before listing")
    unknown_effect: str | None = Field(
        description="why the values are unknown", examples=["2 issues are unknown before listing"]
    )


class TriedQuery(FromView):
    """What became of asking a tracker about a query. Nothing is saved."""

    outcome: Asked = Field(
        validation_alias=AliasPath("reply", "outcome"),
        description="`answered`; `rejected`: the query can't be used; `not_now`: the tracker can't answer now; "
        "`refused`: it refuses our credentials; `impossible`: there are no credentials to ask with",
    )
    reason: str = Field(
        validation_alias=AliasPath("reply", "words"),
        description="why it was not answered, in the tracker's words where it has some",
        examples=["Jira refuses the query: Field 'nothing' does not exist or you do not have permission to view it."],
    )
    retry_at: Moment | None = Field(
        validation_alias=AliasPath("reply", "retry_at"), description="when it can be asked again, if known"
    )
    preview: QueryPreview | None = Field(description="null: it was not answered")


class QueryField(FromView):
    """A field that queries may name."""

    name: str = Field(description="as a query has it", examples=["labels"])
    label: str = Field(description="for people", examples=["Labels"])
    operators: list[str] = Field(examples=[["=", "in"]])
    values: list[str] = Field(description="where only a few are allowed", examples=[[]])
    kinds: list[str] = Field(description="the tracker's names of its types")


class QueryFunction(FromView):
    """A function that queries may call."""

    name: str = Field(examples=["openSprints()"])
    is_list: bool = Field(description="whether it returns several values")
    kinds: list[str] = Field(description="the tracker's names of its types")


class Vocabulary(FromView):
    """The words of a query language at one connection."""

    help_url: str = Field(description="the tracker's documentation")
    fields: list[QueryField]
    functions: list[QueryFunction]
    reserved: list[str] = Field(examples=[["and", "or"]])
    kept_at: Moment | None = Field(description="when the tracker was asked; null: they are fixed")


class QueryWords(FromView):
    """What an editor of queries may offer."""

    vocabulary: Vocabulary | None = Field(description="null: the tracker was not asked yet, or did not say")
    values: dict[str, list[str]] = Field(
        description="values that known issues have, by what a query calls their field", examples=[{"label": ["bug"]}]
    )
    outcome: str = Field(description="what came of the last time the tracker was asked", examples=["61 fields of JQL"])

"""Fetch one issue from GitHub by its repository's id."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import responses

from connectors.github import GitHub
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import Kind, Parent, ScopeRef, Snapshot, State
from tests.connectors.github.payloads import CHECKOUT, CONNECTION, LEDGER, closed, delivery, issue, merged, pull

SITE = "https://api.github.com"
ISSUE = f"{SITE}/repositories/8001/issues/12"
PULL = f"{SITE}/repositories/8001/pulls/12"


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def fetch_issue(identity: str = "8001#12") -> Snapshot:
    """Fetch the issue of these tests."""
    return GitHub().fetch_issue(CONNECTION, identity=identity, key="acme/checkout#12")


def test_a_fetch_gives_the_same_as_a_delivery(github: responses.RequestsMock) -> None:
    """The same issue gives the same snapshot, so neither looks like a change of the other."""
    github.get(ISSUE, json=closed("not_planned"))
    (seen,) = (
        GitHub().parse_delivery(delivery("issues", "closed", issue=closed("not_planned")), CONNECTION).observations
    )
    assert fetch_issue() == seen


def test_a_fetch_sends_the_headers_that_github_requires(github: responses.RequestsMock) -> None:
    """Token, media type, version and user agent."""
    github.get(ISSUE, json=issue(parent_issue_url=None))
    assert fetch_issue().parent == Parent(None)
    sent = github.calls[0].request.headers
    assert sent["Authorization"] == "Bearer ghp_secret"
    assert sent["Accept"] == "application/vnd.github+json"
    assert sent["X-GitHub-Api-Version"] == "2026-03-10"
    assert sent["User-Agent"] == "okr-sync"


def test_a_renamed_repository_shows_its_new_name(github: responses.RequestsMock) -> None:
    """The path has the id, and the name comes from the response."""
    github.get(ISSUE, json=issue({**CHECKOUT, "full_name": "acme/pay"}))
    assert (fetch_issue().scope, fetch_issue().key) == (ScopeRef("8001", "acme/pay"), "acme/pay#12")


@pytest.mark.parametrize(
    ("body", "state"),
    [(merged(), State.DONE), (pull(state="closed"), State.DROPPED), (pull(), State.DOING)],
)
def test_a_pull_request_is_fetched_as_one(github: responses.RequestsMock, body: dict[str, Any], state: State) -> None:
    """Only the pull request says whether it was merged."""
    github.get(ISSUE, json=issue(pull_request={"url": PULL}))
    github.get(PULL, json={**body, "number": 12})
    seen = fetch_issue()
    assert (seen.kind, seen.state, seen.identity) == (Kind.PULL_REQUEST, state, "8001#12")


@pytest.mark.parametrize(
    ("location", "successor"),
    [
        (f"{SITE}/repositories/8002/issues/5", "8002#5"),
        (f"{SITE}/repositories/8001/issues/5", None),
        (f"{SITE}/repos/acme/ledger/issues/5", None),
    ],
)
def test_a_transferred_issue_is_deleted_for_sure(
    github: responses.RequestsMock, location: str, successor: str | None
) -> None:
    """Following the redirect must not return another repository's issue. The target is stored if it is sure."""
    github.get(ISSUE, status=301, headers={"Location": location})
    github.get(location, json=issue(LEDGER, number=5))
    with pytest.raises(Gone, match=r"acme/checkout#12 was transferred to acme/ledger") as caught:
        fetch_issue()
    assert caught.value.proven
    assert (caught.value.successor, caught.value.moved_to) == (successor, successor and "acme/ledger#5")


def test_a_redirect_to_the_repository_s_own_name_is_no_transfer(github: responses.RequestsMock) -> None:
    """A URL with a name is compared with the repository's present name."""
    location = f"{SITE}/repos/acme/pay/issues/12"
    named = {**CHECKOUT, "full_name": "acme/pay"}
    github.get(ISSUE, status=301, headers={"Location": location})
    github.get(location, json=issue(named))
    github.get(f"{SITE}/repositories/8001", json=named)
    assert fetch_issue().key == "acme/pay#12"


def test_a_redirect_to_an_equal_number_elsewhere_proves_a_deletion(github: responses.RequestsMock) -> None:
    """The number alone proves nothing, whether the new URL has an id or a name."""
    by_id, by_name = f"{SITE}/repositories/8002/issues/12", f"{SITE}/repos/acme/ledger/issues/12"
    github.get(f"{SITE}/repositories/8001", json=CHECKOUT)
    for location in (by_id, by_name):
        github.upsert(responses.GET, ISSUE, status=301, headers={"Location": location})
        github.get(location, json=issue(LEDGER))
        with pytest.raises(Gone) as caught:
            fetch_issue()
        assert caught.value.proven


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "Not Found"),
        (410, ""),
        (410, "Issues has been disabled in this repository."),
        (410, "Issues are disabled for this repo"),
        (451, "Repository access blocked"),
    ],
)
def test_only_githubs_word_that_this_issue_was_deleted_proves_a_deletion(
    github: responses.RequestsMock, status: int, words: str
) -> None:
    """Any other answer means that the issue can't be seen, and says why in GitHub's words."""
    github.get(ISSUE, status=status, json={"message": words} if words else {})
    with pytest.raises(Gone) as hidden:
        fetch_issue()
    assert not hidden.value.proven
    assert (f": {words}" in str(hidden.value)) is (words not in ("", "Not Found"))
    github.replace(responses.GET, ISSUE, status=410, json={"message": "This issue was deleted", "status": "410"})
    with pytest.raises(Gone, match="This issue was deleted") as deleted:
        fetch_issue()
    assert deleted.value.proven


def test_a_web_page_in_place_of_an_issue_is_asked_for_again(github: responses.RequestsMock) -> None:
    """It may be a proxy's."""
    github.get(ISSUE, body="<html>Please wait</html>", content_type="text/html")
    with pytest.raises(Unavailable, match="a web page in place of JSON"):
        fetch_issue()


def test_an_incomplete_response_is_rejected(github: responses.RequestsMock) -> None:
    """There is no better source."""
    github.get(ISSUE, json={"number": 12})
    with pytest.raises(Rejected, match="does not name its repository"):
        fetch_issue()
    github.replace(responses.GET, ISSUE, json=issue(state="ajar"))
    with pytest.raises(Rejected, match="is incomplete"):
        fetch_issue()


@pytest.mark.parametrize("identity", ["", "12", "8001#0", "8001#12/../..", "٣#1"])
def test_an_invalid_identity_is_never_put_into_a_url(identity: str) -> None:
    """No call is made."""
    with pytest.raises(Rejected, match="not the identity"):
        fetch_issue(identity)


@pytest.mark.parametrize(
    "name",
    [
        "acme",
        "",
        "acme/",
        "/checkout",
        "acme/..",
        "acme/x/../..",
        "acme/x?y",
        "acme/x#1",
        "acme/x y",
        "a/b/c",
        "../user",
    ],
)
def test_an_invalid_repository_name_is_never_put_into_a_url(name: str) -> None:
    """For example a mistyped scope: it can't be seen, and no call is made."""
    with pytest.raises(Gone, match="is written owner/name") as caught:
        GitHub().list_changes(CONNECTION, asked=ChangesRequest(name=name, id=None, since=None), cursor=None)
    assert not caught.value.proven
    connection = replace(CONNECTION, hook_url="https://okr.example/hooks/gh")
    ran = GitHub().run_task(connection, name="redeliver", scopes=[ScopeRef("", name)], memory=None)
    assert ran.outcome.startswith("found no webhook")


@pytest.mark.parametrize("name", ["acme/.github", "ana_acme/a.b-c_d", "acme/..."])
def test_unusual_repository_names_are_valid(github: responses.RequestsMock, name: str) -> None:
    """GitHub allows them."""
    github.get(f"{SITE}/repos/{name}", status=404, json={})
    with pytest.raises(Gone, match="404"):
        GitHub().list_changes(CONNECTION, asked=ChangesRequest(name=name, id=None, since=None), cursor=None)


def test_an_unknown_api_version_is_left_out_from_then_on(github: responses.RequestsMock) -> None:
    """An older Enterprise Server uses its own version if none is named."""
    versioned = [responses.matchers.header_matcher({"X-GitHub-Api-Version": "2026-03-10"})]
    github.get(ISSUE, status=400, json={"message": "unknown version"}, match=versioned)
    github.get(ISSUE, json=issue())
    connector = GitHub()
    for _ in range(2):
        assert connector.fetch_issue(CONNECTION, identity="8001#12", key="acme/checkout#12").key == "acme/checkout#12"
    assert ["X-GitHub-Api-Version" in call.request.headers for call in github.calls] == [True, False, False]


def test_another_400_is_rejected(github: responses.RequestsMock) -> None:
    """With GitHub's words. The next call names the version again."""
    github.get(ISSUE, status=400, json={"message": "Problems parsing JSON"})
    connector = GitHub()
    for _ in range(2):
        with pytest.raises(Rejected, match=r"\(400\): Problems parsing JSON"):
            connector.fetch_issue(CONNECTION, identity="8001#12", key="acme/checkout#12")
    assert ["X-GitHub-Api-Version" in call.request.headers for call in github.calls] == [True, False] * 2


def test_a_missing_permission_is_named(github: responses.RequestsMock) -> None:
    """All permissions of one group are needed. The error is about one repository, so the issue is hidden."""
    permission_headers = {
        "X-Accepted-GitHub-Permissions": "issues=read; contents=read,pull_requests=read",
        "X-RateLimit-Remaining": "7",
    }
    github.get(
        ISSUE,
        status=403,
        json={"message": "Resource not accessible by personal access token"},
        headers=permission_headers,
    )
    with pytest.raises(Gone) as caught:
        fetch_issue()
    assert not caught.value.proven
    assert str(caught.value) == (
        "api.github.com does not permit this with these credentials (403): Resource not accessible by personal access "
        "token; the required permission: issues=read or contents=read and pull_requests=read"
    )


def test_a_forbidden_pull_request_is_hidden_and_refuses_no_other(github: responses.RequestsMock) -> None:
    """A token may read issues alone, although a list contains pull requests."""
    github.get(ISSUE, json=issue(pull_request={"url": "x"}))
    github.get(PULL, status=403, json={"message": "Resource not accessible"})
    with pytest.raises(Gone, match=r"\(403\): Resource not accessible") as caught:
        fetch_issue()
    assert not caught.value.proven


@pytest.mark.parametrize(
    ("status", "words"), [(401, "Bad credentials"), (403, "Sorry. Your account was suspended. Please contact support.")]
)
def test_errors_of_the_credentials_refuse_the_connection(
    github: responses.RequestsMock, status: int, words: str
) -> None:
    """No other repository could be seen either."""
    github.get(ISSUE, status=status, json={"message": words})
    with pytest.raises(Refused, match=words):
        fetch_issue()


def test_a_moved_repository_is_followed_only_on_the_same_host(github: responses.RequestsMock) -> None:
    """By 301 or 307. The token is sent to no other host."""
    for status in (301, 307):
        github.upsert(responses.GET, ISSUE, status=status, headers={"Location": f"{SITE}/repositories/8001/issues/12/"})
        github.upsert(responses.GET, f"{SITE}/repositories/8001/issues/12/", json=issue())
        assert fetch_issue().identity == "8001#12"
    github.upsert(responses.GET, ISSUE, status=307, headers={"Location": "https://elsewhere.example/repositories/8001"})
    with pytest.raises(Refused, match="a host that must not get our credentials"):
        fetch_issue()

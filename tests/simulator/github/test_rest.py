"""The REST API of the simulated GitHub: redirects, hidden and deleted issues, credentials, errors."""

from typing import Any

import pytest
import requests

from simulator import GitHub
from simulator.github import Repository
from tests.simulator.github.rest_client import create_token
from tests.simulator.openapi_schemas import check, shared

ISSUE = "/repos/acme/checkout/issues/1"


def call(hub: GitHub, path: str, **headers: str) -> requests.Response:
    """Call with a valid token, without following redirects."""
    whole = {
        "Authorization": f"Bearer {hub.token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return requests.get(hub.url + path, headers=whole, timeout=5, allow_redirects=False)


def test_an_issue_is_found_by_name_and_by_id(hub: GitHub) -> None:
    """Case does not matter in names; the answer shows who closed it."""
    repository = hub.repository("checkout")
    repository.create_issue("Pay").close()
    by_name, by_id = call(hub, "/repos/ACME/Checkout/issues/1"), call(hub, f"/repositories/{repository.id}/issues/1")
    assert by_name.json() == by_id.json()
    assert (by_name.json()["state_reason"], by_name.json()["closed_by"]["login"]) == ("completed", "anaruiz")
    assert (by_name.status_code, by_name.headers["x-ratelimit-limit"]) == (200, "5000")


def test_an_issue_is_the_same_in_a_webhook_and_in_an_answer(hub: GitHub, checkout: Repository, receiver: Any) -> None:
    """Except who closed it, which webhooks lack."""
    checkout.create_issue("Pay", labels=["ui"], assignees=["bruno"])
    answer = call(hub, ISSUE).json()
    assert answer.pop("closed_by") is None
    assert answer == receiver.last["issue"]


def test_a_pull_request_shows_itself_as_an_issue_too(hub: GitHub) -> None:
    """With the issue's id and the key `pull_request`."""
    repository = hub.repository("checkout")
    pull = repository.create_pull_request("Add cards")
    as_issue, as_pull = call(hub, ISSUE).json(), call(hub, "/repos/acme/checkout/pulls/1").json()
    assert (as_issue["id"], as_pull["id"]) == (pull.id, pull.pull_id)
    assert as_issue["pull_request"]["url"] == as_pull["url"] == f"{hub.url}/repos/acme/checkout/pulls/1"
    assert call(hub, f"/repositories/{repository.id}/pulls/1").json() == as_pull
    repository.create_issue("Pay")
    assert call(hub, "/repos/acme/checkout/pulls/2").status_code == 404


@pytest.mark.parametrize(
    "path", [ISSUE, "/repos/acme/other/issues/1", "/repos/else/checkout/issues/1", "/repositories/1/issues/1", "/x"]
)
def test_what_is_not_there_is_404(hub: GitHub, path: str) -> None:
    """Number, repository, owner, id and path all answer 404."""
    hub.repository("checkout")
    assert (call(hub, path).status_code, call(hub, path).json()["message"]) == (404, "Not Found")


def test_what_the_token_may_not_see_is_404(hub: GitHub) -> None:
    """GitHub hides that it exists."""
    repository = hub.repository("checkout")
    repository.create_issue("Pay")
    repository.visible = False
    assert call(hub, ISSUE).status_code == 404


def test_a_deleted_issue_is_410(hub: GitHub) -> None:
    """Unlike a hidden one."""
    hub.repository("checkout").create_issue("Pay").delete()
    assert call(hub, ISSUE).status_code == 410


def test_a_transferred_issue_is_301_to_its_new_url(hub: GitHub) -> None:
    """By the id of the repository, so that a later rename does not matter."""
    target = hub.repository("payments")
    target.create_issue("Before it")
    hub.repository("checkout").create_issue("Pay").transfer(target)
    answer = call(hub, ISSUE)
    location = f"{hub.url}/repositories/{target.id}/issues/2"
    assert (answer.status_code, answer.headers["Location"], answer.json()["url"]) == (301, location, location)
    assert call(hub, f"/repositories/{target.id}/issues/2").json()["title"] == "Pay"


def test_a_renamed_repository_is_301_to_its_id(hub: GitHub) -> None:
    """Until another repository takes the old name."""
    repository = hub.repository("checkout")
    repository.create_issue("Pay")
    repository.create_pull_request("Add cards")
    repository.rename("shop")
    moved = call(hub, ISSUE)
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{hub.url}/repositories/{repository.id}/issues/1")
    pull = call(hub, "/repos/acme/checkout/pulls/2")
    assert pull.headers["Location"] == f"{hub.url}/repositories/{repository.id}/pulls/2"
    assert call(hub, "/repos/acme/shop/issues/1").status_code == 200
    hub.repository("checkout")
    assert call(hub, ISSUE).status_code == 404


def test_a_repository_is_found_by_name_and_by_id(hub: GitHub) -> None:
    """A former name redirects to the id; a hidden one is 404."""
    repository = hub.repository("checkout")
    repository.rename("shop")
    by_name, by_id = call(hub, "/repos/acme/shop"), call(hub, f"/repositories/{repository.id}")
    assert by_name.json() == by_id.json()
    assert (by_id.json()["full_name"], by_id.json()["id"]) == ("acme/shop", repository.id)
    former = call(hub, "/repos/acme/checkout")
    assert (former.status_code, former.headers["Location"]) == (301, f"{hub.url}/repositories/{repository.id}")
    repository.visible = False
    assert {call(hub, path).status_code for path in ("/repos/acme/shop", "/repos/acme/none", "/repositories/1")} == {
        404
    }


def test_bad_credentials_are_401(hub: GitHub) -> None:
    """A wrong token, a wrong scheme, none at all, or one that was revoked."""
    hub.repository("checkout").create_issue("Pay")
    assert call(hub, ISSUE, Authorization="Bearer wrong").json()["message"] == "Bad credentials"
    assert call(hub, ISSUE, Authorization=f"Digest {hub.token}").status_code == 401
    assert requests.get(hub.url + ISSUE, timeout=5).json()["message"] == "Requires authentication"
    assert call(hub, ISSUE, Authorization=f"token {hub.token}").status_code == 200
    former, hub.token = hub.token, "another"
    assert call(hub, ISSUE, Authorization=f"Bearer {former}").status_code == 401


def test_a_request_without_a_name_is_403(hub: GitHub) -> None:
    """GitHub wants a User-Agent."""
    assert call(hub, "/user", User_Agent="").status_code == 403


def test_the_version_of_the_api_decides_on_old_fields(hub: GitHub) -> None:
    """2026-03-10 has no `assignee` and no `merge_commit_sha`; an unknown version is refused."""
    hub.repository("checkout").create_pull_request("Add cards", assignees=["bruno"])
    pull = "/repos/acme/checkout/pulls/1"
    old, new = call(hub, pull).json(), call(hub, pull, X_GitHub_Api_Version="2026-03-10").json()
    assert set(old) - set(new) == {"assignee", "merge_commit_sha"}
    assert new["assignees"][0]["login"] == "bruno"
    assert call(hub, pull, X_GitHub_Api_Version="2020-01-01").status_code == 400


def test_the_caller_and_its_rate_limit(hub: GitHub) -> None:
    """The calls that test a connection."""
    assert call(hub, "/user").json()["login"] == "anaruiz"
    assert call(hub, "/rate_limit").json()["resources"]["core"]["remaining"] == 5000


def test_faults_come_on_request_and_pass(hub: GitHub) -> None:
    """As many times as set, for any call; with Retry-After only if given."""
    hub.repository("checkout").create_issue("Pay")
    hub.rest.answer_next(429, times=2, retry_after=7)
    hub.rest.answer_next(500)
    answers = [call(hub, ISSUE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None, None]
    assert answers[0].headers["x-ratelimit-remaining"] == "0"
    assert [(call.method, call.path, call.status) for call in hub.rest.calls][-1] == ("GET", ISSUE, 200)


def test_answers_can_be_slower_than_a_caller_s_patience(hub: GitHub) -> None:
    """Until it is set back to 0."""
    hub.rest.slow_down(0.5)
    with pytest.raises(requests.Timeout):
        requests.get(hub.url + "/user", headers={"Authorization": f"Bearer {hub.token}"}, timeout=0.05)
    hub.rest.slow_down(0)
    assert call(hub, "/user").status_code == 200


def test_people_find_a_page_at_an_issue_s_address(hub: GitHub) -> None:
    """Without a token; its text is escaped."""
    repository = hub.repository("checkout")
    issue = repository.create_issue("Pay <b>now</b>", labels=["ui"], milestone=repository.create_milestone("v1"))
    issue.close(reason="not_planned")
    shown = requests.get(issue.url, timeout=5)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Pay &lt;b&gt;now&lt;/b&gt; · acme/checkout#1</h1>" in shown.text
    assert "<dd>closed not_planned" in shown.text
    assert requests.get(repository.create_pull_request("Add").url, timeout=5).status_code == 200
    assert requests.get(f"{repository.url}/issues/9", timeout=5).status_code == 404
    assert requests.get(f"{hub.url}/acme/other/issues/1", timeout=5).status_code == 404


def test_a_token_lists_the_repositories_that_it_sees(hub: GitHub) -> None:
    """As GitHub describes it, page by page; an installation's token needs another call."""
    checkout, _ = hub.repository("checkout"), hub.repository("payments")
    answer = call(hub, "/user/repos?per_page=1")
    assert [one["full_name"] for one in answer.json()] == ["acme/checkout"]
    check(answer.json()[0], shared("openapi/github-rest-2026.json"), "/components/schemas/repository")
    narrow = hub.add_token("bruno", repositories=[checkout]).text
    answer = requests.get(f"{hub.url}/user/repos", headers={"Authorization": f"Bearer {narrow}"}, timeout=5)
    assert [one["full_name"] for one in answer.json()] == ["acme/checkout"]
    installation = hub.create_app(permissions={"issues": "read"}).install()
    token = create_token(installation).json()["token"]
    answer = requests.get(f"{hub.url}/user/repos", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 403

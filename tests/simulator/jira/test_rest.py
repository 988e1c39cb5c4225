"""The REST API of the simulated Jira: issues, fields, bulk fetch, credentials, errors."""

from typing import Any

import pytest
import requests

from simulator import Jira
from simulator.jira import Project
from tests.simulator.receiver import Receiver


def ask(jira: Jira, path: str) -> requests.Response:
    """Call with valid credentials, of Cloud or of Data Center."""
    if jira.data_center:
        headers, auth = {"Authorization": f"Bearer {jira.token}"}, None
    else:
        headers, auth = {}, (jira.email, jira.token)
    return requests.get(f"{jira.url}/rest/api/{path}", headers=headers, auth=auth, timeout=5)


def bulk(jira: Jira, body: Any) -> requests.Response:
    """Fetch many issues at once."""
    url = f"{jira.url}/rest/api/3/issue/bulkfetch"
    return requests.post(url, json=body, auth=(jira.email, jira.token), timeout=5)


def test_an_issue_is_found_by_id_and_by_key(jira: Jira) -> None:
    """Case does not matter in keys."""
    issue = jira.project("SHOP").create_issue("Pay")
    assert ask(jira, f"2/issue/{issue.id}").json() == ask(jira, "2/issue/shop-1").json()


def test_an_issue_is_the_same_in_a_webhook_and_in_version_2(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """Except `expand`, which webhooks lack."""
    shop.create_issue("Pay", description="By card", labels=["ui"], assignee="bruno")
    answer = ask(jira, "2/issue/SHOP-1").json()
    assert answer.pop("expand")
    assert answer == receiver.last["issue"]


def test_version_3_gives_rich_text_as_a_document(jira: Jira) -> None:
    """None stays none."""
    shop = jira.project("SHOP")
    shop.create_issue("Pay", description="By card")
    shop.create_issue("Ship")
    text = ask(jira, "3/issue/SHOP-1").json()["fields"]["description"]
    assert text["content"][0]["content"] == [{"type": "text", "text": "By card"}]
    assert ask(jira, "3/issue/SHOP-2").json()["fields"]["description"] is None


def test_an_old_key_leads_to_the_issue_under_its_new_one(jira: Jira) -> None:
    """Without a redirect, as in Jira; a present key wins over a former one."""
    shop, pay = jira.project("SHOP"), jira.project("PAY")
    issue = shop.create_issue("Pay")
    issue.move(pay)
    answer = ask(jira, "3/issue/SHOP-1")
    assert (answer.status_code, answer.json()["key"], answer.json()["id"]) == (200, "PAY-1", issue.id)
    assert answer.history == []


@pytest.mark.parametrize("name", ["SHOP-2", "10000000", "NONE-1"])
def test_what_is_not_there_is_404(jira: Jira, name: str) -> None:
    """Deleted, hidden and unknown issues get the same answer."""
    shop = jira.project("SHOP")
    shop.create_issue("Pay")
    shop.create_issue("Gone").delete()
    assert ask(jira, f"3/issue/{name}").status_code == 404
    assert ask(jira, f"3/issue/{name}").json()["errorMessages"] == [
        "Issue does not exist or you do not have permission to see it."
    ]


def test_a_caller_may_ask_for_some_fields(jira: Jira) -> None:
    """By name, all but some, or all."""
    jira.project("SHOP").create_issue("Pay")
    everything = set(ask(jira, "3/issue/SHOP-1").json()["fields"])
    assert set(ask(jira, "3/issue/SHOP-1?fields=summary,status,nothing").json()["fields"]) == {"summary", "status"}
    assert everything - set(ask(jira, "3/issue/SHOP-1?fields=*all,-labels").json()["fields"]) == {"labels"}
    assert everything - set(ask(jira, "3/issue/SHOP-1?fields=-labels").json()["fields"]) == {"labels"}


def test_a_caller_may_ask_for_the_names_of_fields(jira: Jira) -> None:
    """So that a custom field can be found without a second call."""
    jira.project("SHOP").create_issue("Pay", points=3)
    answer = ask(jira, "3/issue/SHOP-1?fields=*all&expand=names").json()
    assert (answer["names"]["customfield_10016"], answer["names"]["issuetype"]) == ("Story Points", "Issue Type")
    assert set(answer["names"]) == set(answer["fields"])
    assert "names" not in ask(jira, "3/issue/SHOP-1?expand=renderedFields").json()


def test_many_issues_come_by_ascending_id_each_once(jira: Jira) -> None:
    """By id, key or former key; unknown ones are left out without an error."""
    shop = jira.project("SHOP")
    first, second = shop.create_issue("Pay"), shop.create_issue("Ship")
    second.move(jira.project("PAY"))
    answer = bulk(jira, {"issueIdsOrKeys": ["SHOP-2", first.id, "SHOP-1", "SHOP-9"], "fields": ["summary"]}).json()
    assert [issue["key"] for issue in answer["issues"]] == ["SHOP-1", "PAY-1"]
    assert answer["issues"][0]["fields"] == {"summary": "Pay"}
    assert answer["issueErrors"] == []
    assert "status" in bulk(jira, {"issueIdsOrKeys": [first.id]}).json()["issues"][0]["fields"]


@pytest.mark.parametrize("body", [{}, [], {"issueIdsOrKeys": []}, {"issueIdsOrKeys": ["A-1"] * 101}])
def test_too_many_issues_or_none_are_refused(jira: Jira, body: Any) -> None:
    """A hundred is the most."""
    assert bulk(jira, body).status_code == 400


def test_a_body_that_is_not_json_is_refused(jira: Jira) -> None:
    """With an error of Jira's form."""
    url = f"{jira.url}/rest/api/3/issue/bulkfetch"
    headers = {"Content-Type": "application/json"}
    answer = requests.post(url, data=b"{", headers=headers, auth=(jira.email, jira.token), timeout=5)
    assert (answer.status_code, answer.json()["errorMessages"]) == (400, ["Invalid request payload."])


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_bad_credentials_are_401(face: str) -> None:
    """Wrong, of the other edition, revoked, or none."""
    with Jira(data_center=face == "data center") as jira:
        url = f"{jira.url}/rest/api/2/myself"
        assert ask(jira, "2/myself").status_code == 200
        assert requests.get(url, timeout=5).status_code == 401
        basic = requests.get(url, auth=(jira.email, jira.token), timeout=5)
        bearer = requests.get(url, headers={"Authorization": f"Bearer {jira.token}"}, timeout=5)
        assert {basic.status_code, bearer.status_code} == {200, 401}
        assert requests.get(url, auth=("else@example.com", jira.token), timeout=5).status_code == 401
        former, jira.token = jira.token, "another"
        assert requests.get(url, auth=(jira.email, former), timeout=5).status_code == 401
        assert ask(jira, "2/myself").status_code == 200


def test_the_points_field_is_found_by_its_name() -> None:
    """Its id is the site's own."""
    with Jira(points_field="Story point estimate", points_field_id="customfield_10033", background=False) as jira:
        jira.project("SHOP").create_issue("Pay", points=3)
        found = [field for field in ask(jira, "3/field").json() if field["name"] == "Story point estimate"]
        assert [field["id"] for field in found] == ["customfield_10033"]
        assert ask(jira, "3/issue/SHOP-1").json()["fields"]["customfield_10033"] == 3.0


def test_data_center_has_version_2_alone_and_an_epic_link(data_center: Jira) -> None:
    """And no bulk fetch."""
    data_center.project("SHOP").create_issue("Pay")
    assert ask(data_center, "3/issue/SHOP-1").status_code == 404
    assert ask(data_center, "2/issue/SHOP-1").json()["key"] == "SHOP-1"
    assert "Epic Link" in [field["name"] for field in ask(data_center, "2/field").json()]
    assert ask(data_center, "2/myself").json()["name"] == "okr-bot"


def test_faults_come_on_request_and_pass(jira: Jira) -> None:
    """Here too."""
    jira.rest.answer_next(429, retry_after=3)
    jira.rest.answer_next(503)
    answers = [ask(jira, "3/myself") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 503, 200]
    assert (answers[0].headers["Retry-After"], answers[1].json()["errorMessages"]) == ("3", ["Error"])
    assert [call.status for call in jira.rest.calls] == [429, 503, 200]


def test_people_find_a_page_at_an_issue_s_address(jira: Jira) -> None:
    """Without credentials, also by a former key."""
    issue = jira.project("SHOP").create_issue("Pay", assignee="bruno")
    issue.drop()
    shown, former = requests.get(issue.url, timeout=5), issue.url
    assert (shown.status_code, "<dd>Won&#x27;t Do" in shown.text, "<dd>Bruno" in shown.text) == (200, True, True)
    issue.move(jira.project("PAY"))
    assert "PAY-1" in requests.get(former, timeout=5).text
    assert requests.get(f"{jira.url}/browse/SHOP-9", timeout=5).status_code == 404

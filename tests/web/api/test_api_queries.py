"""Queries tried through the API: the tracker is asked, and nothing is saved."""

import pytest
from werkzeug.test import TestResponse

from sync_service.domain.trackers.queries import Asked
from sync_service.store import tables
from sync_service.web.request import tracker_questions
from tests.support.tracker_replies import answered, found, reply_with, unanswered
from tests.web.api.fixture import NOW, ApiHarness

PATH = "/api/v1/rules/query-preview"
BODY = {"connection": "acme-github", "key_result": "KR-1", "query": "repo:acme/checkout is:issue label:pay"}


def test_a_query_is_previewed(api: ApiHarness, admin_token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the issues and why the value is unknown."""
    asked = reply_with(monkeypatch, answered(found("501#77", "acme/checkout#77")))
    body = api.call(PATH, token=admin_token, method="POST", body=BODY).get_json()
    assert asked == [("acme-github", BODY["query"])]
    assert (body["outcome"], body["reason"], body["retry_at"]) == ("answered", "", None)
    preview = body["preview"]
    assert [(one["key"], one["known"], one["counts"]) for one in preview["issues"]] == [
        ("acme/checkout#77", False, False)
    ]
    assert (preview["count"], preview["exact"], preview["outside"], preview["let_go"]) == (1, True, 2, None)
    assert (preview["effects"], preview["unknown_effect"]) == ([], "1 issue is unknown before listing")
    reply_with(monkeypatch, answered())
    nothing = api.call(PATH, token=admin_token, method="POST", body=BODY).get_json()["preview"]
    assert (nothing["count"], nothing["issues"]) == (0, [])
    assert nothing["effects"][0]["slug"] == "KR-1"


@pytest.mark.parametrize("outcome", [Asked.REJECTED, Asked.NOT_NOW, Asked.REFUSED, Asked.IMPOSSIBLE])
def test_no_answer_is_told_apart_from_no_matches(
    api: ApiHarness, admin_token: str, monkeypatch: pytest.MonkeyPatch, outcome: Asked
) -> None:
    """The outcome and the reason say what it was."""
    reply_with(monkeypatch, unanswered(outcome, "the tracker's own words", NOW))
    body = api.call(PATH, token=admin_token, method="POST", body=BODY).get_json()
    expected = {"outcome": outcome.value, "reason": "the tracker's own words", "retry_at": "2026-11-02T12:00:00.000Z"}
    assert body == {**expected, "preview": None}


def test_what_is_missing_or_not_allowed_is_refused_before_asking(
    api: ApiHarness, admin_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is nobody's: only an admin's may ask."""
    asked = reply_with(monkeypatch, answered())

    def status(body: dict[str, str], token: str = admin_token) -> int:
        return api.call(PATH, token=token, method="POST", body=body).status_code

    assert status(BODY, api.token("member")) == 403
    assert status(BODY, api.token("viewer")) == 403
    assert status({**BODY, "key_result": "KR-99"}) == 404
    assert status({**BODY, "query": ""}) == 409
    assert status({**BODY, "odd": "x"}) == 422
    with tracker_questions.asking():
        busy = api.call(PATH, token=admin_token, method="POST", body=BODY)
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "5")
    assert asked == []


AUTOCOMPLETE = "/api/v1/connections/acme-github/autocomplete"


def test_the_words_of_a_search_come_with_known_values(api: ApiHarness) -> None:
    """For whoever may edit rules."""
    api.issue("acme/checkout#1", api.ids["KR-1"], type="Bug", updated_at=NOW)
    words = api.call(AUTOCOMPLETE, token=api.token("member")).get_json()
    fields = {one["name"]: one for one in words["vocabulary"]["fields"]}
    assert (fields["is"]["values"][0], words["vocabulary"]["kept_at"]) == ("issue", None)
    assert (words["values"]["type"], words["values"]["assignee"]) == (["Bug"], ["7"])
    assert words["values"]["repo"] == ["acme/checkout"]
    again = api.call(AUTOCOMPLETE, token=api.token("member"), method="POST").get_json()
    assert again == words
    assert api.call(AUTOCOMPLETE, token=api.token("viewer")).status_code == 403
    assert api.call("/api/v1/connections/none/autocomplete", token=api.token("member")).status_code == 404


def test_a_rejected_query_does_not_begin_to_count(
    api: ApiHarness, admin_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tracker's words are the detail."""
    common = {"connection_id": api.ids["connection"], "key_result_id": api.ids["KR-1"], "condition": {}}
    api.add(tables.rule, slug="asked", query=BODY["query"], state="draft", **common)
    asked = reply_with(monkeypatch, unanswered(Asked.REJECTED, "no such repository"))

    def set_state(token: str) -> TestResponse:
        return api.call("/api/v1/rules/asked/state", token=token, method="PUT", body={"state": "active"})

    assert (set_state(api.token("member")).status_code, asked) == (403, [])
    refused = set_state(admin_token)
    assert (refused.status_code, refused.get_json()["detail"]) == (409, "No such repository.")
    reply_with(monkeypatch, unanswered(Asked.NOT_NOW, "away"))
    assert set_state(admin_token).status_code == 200

"""The page on which a query is tried: what the tracker answers, and every way in which it does not."""

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from sync_service.domain.trackers.queries import Asked, QueryReply
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.web.request import tracker_questions
from tests.support.example_okrs import Example
from tests.support.services import NOW
from tests.support.tracker_replies import answered, found, reply_with, unanswered
from tests.web.rules_seed import add_labelled_issues, add_rule, stored_rule
from tests.web.session_client import SessionClient, seen_words

pytestmark = pytest.mark.slow

PATH = "/rules/query/preview"
QUERY = "repo:acme/checkout is:issue label:network"
FORM = {"connection": "acme-github", "key_result": "KR-6", "query": QUERY}


@pytest.fixture(autouse=True)
def rules(services: Services, example: Example) -> None:
    """Add issues, and a rule with a query."""
    add_labelled_issues(services, example)
    add_rule(services, example, "asked", condition={}, query=QUERY)


def ask(client: SessionClient, **fields: str) -> TestResponse:
    """Send the form."""
    return client.submit(PATH, on=PATH, **(FORM | fields))


def test_the_page_shows_what_the_tracker_finds_and_the_new_value(
    ana: SessionClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is saved."""
    done = found("acme/checkout#703", "acme/checkout#703", "Move service 703")
    asked = reply_with(monkeypatch, answered(done, warnings=("the label is deprecated",)))
    page = ask(ana)
    assert page.status_code == 200
    assert asked == [("acme-github", QUERY)]
    words = seen_words(page.text)
    assert "1 issue , and 2 in scopes that are not watched." in words
    assert "unknown before listing" not in words
    assert words.count("KR-6") == 2  # in the form, and with its value
    assert "The label is deprecated." in words
    assert "Move service 703" in words
    assert stored_rule(services, "label-network") is None


def test_unknown_issues_leave_the_value_open(ana: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are marked."""
    reply_with(monkeypatch, answered(found("501#9999", "acme/checkout#9999"), count=None, whole=False))
    words = seen_words(ask(ana).text)
    assert "More than 1 issue" in words
    assert "unknown before listing" in words
    assert "The new values are not known yet: Only the first 1 matches were read" in words


@pytest.mark.parametrize(
    ("reply", "status", "says"),
    [
        (unanswered(Asked.REJECTED, "Jira refuses the query: no such field"), 422, "The query can&#39;t be used"),
        (unanswered(Asked.NOT_NOW, "the tracker is away", NOW), 503, "It can&#39;t be asked about now"),
        (unanswered(Asked.REFUSED, "401"), 502, "The tracker refuses to answer"),
        (unanswered(Asked.IMPOSSIBLE, "no credentials"), 409, "It can&#39;t be asked about"),
    ],
)
def test_no_answer_is_told_apart_from_no_matches(
    ana: SessionClient, monkeypatch: pytest.MonkeyPatch, reply: QueryReply, status: int, says: str
) -> None:
    """By words and by the status."""
    reply_with(monkeypatch, reply)
    page = ask(ana)
    assert page.status_code == status
    assert says in page.text
    assert "finds no issue" not in page.text
    reply_with(monkeypatch, answered())
    nothing = ask(ana)
    assert (nothing.status_code, "The tracker answered, and finds no issue" in nothing.text) == (200, True)


def test_the_page_of_a_rule_with_a_query_leads_to_its_preview(ana: SessionClient, vera: SessionClient) -> None:
    """Viewers can't ask."""
    page = ana.open("/rules/asked").text
    assert "Ask the tracker what it finds now" in page
    assert f"{PATH}?rule=asked" in page
    assert QUERY in ana.open(f"{PATH}?rule=asked").text
    assert ana.open(PATH).status_code == 200
    assert "Ask the tracker" not in vera.open("/rules/asked").text
    assert vera.open(PATH).status_code == 403


def test_nobody_without_the_right_makes_us_ask(
    ben: SessionClient, ana: SessionClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is said, too."""
    asked = reply_with(monkeypatch, answered())
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.person).values(team_id=None))
    refused = ask(ben, key_result="KR-1")
    assert (refused.status_code, "KR-1 belongs to another team" in refused.text) == (403, True)
    assert ask(ana, query=" ").status_code == 422
    assert ask(ana, rule="nothing").status_code == 404
    assert asked == []


def test_one_question_at_a_time(ana: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are told to try again, so that slow trackers don't take all threads."""
    asked = reply_with(monkeypatch, answered())
    with tracker_questions.asking():
        busy = ask(ana)
    assert (busy.status_code, tracker_questions.BUSY in busy.text, asked) == (503, True, [])
    assert ask(ana).status_code == 200


def test_questions_are_limited(ana: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """To thirty a minute."""
    reply_with(monkeypatch, answered())
    token = ana.token(PATH)
    statuses = [ana.client.post(PATH, data={"csrf_token": token, **FORM}).status_code for _ in range(31)]
    assert (set(statuses[:30]), statuses[30]) == ({200}, 429)


def test_a_query_that_the_tracker_rejects_does_not_begin_to_count(
    ana: SessionClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that it can't be asked about does, with a note."""

    def set_state(state: str) -> TestResponse:
        return ana.submit("/rules/asked/state", on="/rules", state=state)

    asked = reply_with(monkeypatch, unanswered(Asked.REJECTED, "GitHub refuses the query: no such repository"))
    assert set_state("draft").status_code == 302
    assert asked == []
    for refused in (set_state("active"), ana.submit("/rules/asked/versions", on="/rules/asked/versions", version="1")):
        assert (refused.status_code, "no such repository" in refused.text) == (409, True)
    assert len(asked) == 2
    rule = stored_rule(services, "asked")
    assert rule is not None
    assert rule.state == "draft"
    reply_with(monkeypatch, unanswered(Asked.NOT_NOW, "the tracker is away"))
    assert set_state("active").status_code == 302
    assert "could not be asked about its query now (the tracker is away)" in seen_words(ana.read("/rules"))


def test_who_may_not_change_a_rule_makes_nobody_ask(
    ben: SessionClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right is checked first."""
    asked = reply_with(monkeypatch, answered())
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.rule).values(state="draft", key_result_id=1))
        tx.execute(sa.update(tables.person).values(team_id=None))
    refused = ben.submit("/rules/asked/state", on=PATH, state="active")
    assert (refused.status_code, asked) == (403, [])

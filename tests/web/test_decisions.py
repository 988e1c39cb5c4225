"""Decisions on the page of a key result: proposals and overrides, by those who may."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.people.audit import entries
from tests.support.example_okrs import Example, close_issue
from tests.support.services import Clock
from tests.web.session_client import TOKEN, SessionClient, seen_words

pytestmark = pytest.mark.slow

PATH = "/key-results/KR-2"


def row(services: Services) -> Row[Any]:
    """Return the key result."""
    with reading(services.engine) as tx:
        return tx.execute(sa.select(tables.key_result).where(tables.key_result.c.slug == "KR-2")).one()


@pytest.fixture
def proposed(services: Services, example: Example) -> Row[Any]:
    """Propose one bug fewer than was accepted; return the key result."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-2").values(apply="propose"))
        linked = sa.select(tables.issue.c.key).join_from(tables.issue, tables.link).join(k)
        key = tx.scalars(linked.where(k.c.slug == "KR-2", tables.issue.c.state == "todo")).first()
    assert key is not None
    close_issue(services, key, example.key_results["KR-2"])
    found = row(services)
    assert found.proposed["value"] == found.current - 1
    return found


def test_the_owner_accepts_a_proposed_value(ben: SessionClient, services: Services, proposed: Row[Any]) -> None:
    """The page shows it with its causes; afterwards it is the value."""
    value = proposed.proposed["value"]
    words = ben.words(PATH)
    assert f"Proposed {value:g} bugs, waits for the owner" in words
    assert f"Accept {value:g} bugs" in words
    assert "closed as done" in words
    answer = ben.submit(f"{PATH}/proposal", on=PATH, decision="accept", expected=str(value), word="agreed")
    assert answer.status_code == 302
    after = row(services)
    assert (after.current, after.proposed) == (value, None)
    assert f"proposed value {value:g} accepted: agreed by Ben Okafor" in ben.words(PATH)
    with reading(services.engine) as tx:
        (newest,) = entries(tx, limit=1)
    assert (newest.actor, newest.what) == ("ben@example.com", f"KR-2: proposed value {value:g} accepted: agreed")


def test_a_declined_value_is_no_longer_shown(ben: SessionClient, services: Services, proposed: Row[Any]) -> None:
    """The accepted one stays."""
    value = str(proposed.proposed["value"])
    assert ben.submit(f"{PATH}/proposal", on=PATH, decision="decline", expected=value).status_code == 302
    assert row(services).current == proposed.current
    assert "waits for the owner" not in ben.words(PATH)


def test_a_superseded_value_is_not_accepted_unseen(ben: SessionClient, services: Services, proposed: Row[Any]) -> None:
    """The page says that another one is proposed now."""
    answer = ben.submit(f"{PATH}/proposal", on=PATH, decision="accept", expected="-1")
    assert answer.status_code == 409
    assert "decide again." in seen_words(answer.text)
    assert 'role="alert"' in answer.text
    assert row(services).current == proposed.current


def test_a_form_without_a_decision_is_refused(ben: SessionClient, proposed: Row[Any]) -> None:
    """Nothing is guessed."""
    assert ben.submit(f"{PATH}/proposal", on=PATH, expected="1").status_code == 400
    assert ben.submit(f"{PATH}/proposal", on=PATH, decision="accept").status_code == 400


def test_the_owner_overrides_a_value_and_ends_it(ben: SessionClient, services: Services, example: Example) -> None:
    """The page says with what and by whom, and what is computed."""
    computed = row(services).computed
    assert ben.submit(f"{PATH}/override", on=PATH, value="6,5").status_code == 302
    after = row(services)
    assert (after.current, after.computed, after.progress) == (6.5, computed, (6.5 - 12) / (2 - 12))
    words = ben.words(PATH)
    assert "Overridden with 6.5 bugs by Ben Okafor" in words
    assert f"Computed value {computed:g} bug" in words
    assert f"6.5 bugs applies in place of the computed value, which is {computed:g} bug" in words
    assert f"overridden by Ben Okafor, computed {computed:g} bug" in ben.words("/objectives")
    assert ben.submit(f"{PATH}/override/end", on=PATH).status_code == 302
    assert "overridden by" not in ben.words("/objectives")
    assert (row(services).current, row(services).override) == (computed, None)
    again = ben.submit(f"{PATH}/override/end", on=PATH)
    assert again.status_code == 409
    assert "KR-2 has no override to end." in seen_words(again.text)


def test_an_override_ends_after_a_day_or_with_a_change(
    ben: SessionClient, services: Services, example: Example
) -> None:
    """A day is over at midnight in the team's time zone, which is UTC here."""
    assert ben.submit(f"{PATH}/override", on=PATH, value="6", until="day", day="2026-11-12").status_code == 302
    assert row(services).override["until"] == "2026-11-13T00:00:00+00:00"
    assert ben.submit(f"{PATH}/override", on=PATH, value="7", until="change").status_code == 302
    assert (row(services).override["until"], row(services).override["until_change"]) == (None, True)
    assert "until the computed value changes" in ben.words(PATH)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"value": ""}, 422, "Enter a value."),
        ({"value": "many"}, 422, "“many” is not a number."),
        ({"value": "nan"}, 422, "“nan” is not a number."),
        ({"value": "6", "until": "day"}, 422, "Enter the last day of the override."),
        ({"value": "6", "until": "day", "day": "9999-12-31"}, 422, "Enter the last day"),
        ({"value": "6", "until": "day", "day": "2026-11-01"}, 409, "would end in the past"),
        ({"value": "1e15"}, 409, "too large"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(
    ben: SessionClient, services: Services, example: Example, fields: dict[str, str], status: int, words: str
) -> None:
    """With words, on the page of the form."""
    answer = ben.submit(f"{PATH}/override", on=PATH, **fields)
    assert answer.status_code == status
    assert words in seen_words(answer.text)
    if status == 422:
        field = "day" if "day" in words else "value"
        invalid = re.findall(r'<input class="form-control is-invalid" id="override-(\w+)"', answer.text)
        assert invalid == [field]
    assert row(services).override is None


def test_only_the_owner_and_admins_decide(
    ana: SessionClient, ben: SessionClient, vera: SessionClient, services: Services, proposed: Row[Any]
) -> None:
    """Others see what is proposed, without buttons. KR-1 is Ana's."""
    assert "Override the value" in ana.words(PATH)
    assert "waits for the owner" in vera.words(PATH)
    assert f"proposed {proposed.proposed['value']:g} bug" in vera.words("/objectives")
    for client, page in ((vera, PATH), (ben, "/key-results/KR-1")):
        assert "Override the value" not in client.words(page)
    for path, fields in (("override", {"value": "1"}), ("override/end", {}), ("proposal", {"decision": "accept"})):
        sent = {"expected": "1", **fields}
        assert ben.submit(f"/key-results/KR-1/{path}", on=PATH, **sent).status_code == 403
        assert vera.client.post(f"{PATH}/{path}", data=sent).status_code in (400, 403)
    assert row(services).current == proposed.current
    assert row(services).override is None


def test_a_form_from_another_site_decides_nothing(ana: SessionClient, services: Services, proposed: Row[Any]) -> None:
    """It lacks the CSRF token."""
    for path in ("proposal", "override", "override/end"):
        assert ana.client.post(f"{PATH}/{path}", data={"value": "1", "decision": "accept"}).status_code == 400
    assert row(services).current == proposed.current


def test_final_numbers_have_no_buttons(
    ben: SessionClient, services: Services, clock: Clock, proposed: Row[Any]
) -> None:
    """Neither does a form that was open before."""
    open_page = ben.read(PATH)
    ended = clock() - timedelta(days=10)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).where(tables.cycle.c.slug == "2026-q4").values(ends=ended.date()))
    assert "Override the value" not in ben.words(PATH)
    token = TOKEN.search(open_page)
    assert token
    answer = ben.client.post(f"{PATH}/override", data={"csrf_token": token[1], "value": "1"})
    assert answer.status_code == 409
    assert "The numbers of KR-2 are final." in seen_words(answer.text)

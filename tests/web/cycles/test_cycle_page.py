"""The page of a cycle: its days and progress, its end by whom it may, and what is carried over."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.web.cycles import closing
from tests.support.example_okrs import Example
from tests.support.services import Clock
from tests.web.session_client import SessionClient, seen_words

pytestmark = pytest.mark.slow

PAGE = "/cycles/2026-q4"
CARRY = f"{PAGE}/carry-over"


@pytest.fixture
def over(example: Example, clock: Clock) -> Example:
    """Let the cycle end, and its days of grace pass."""
    clock.advance(timedelta(days=56))
    return example


@pytest.fixture
def boss(over: Example, app: Flask, services: Services) -> SessionClient:
    """Return a client signed in as an admin after the end of the cycle."""
    return SessionClient.signed_in(app, services, over.ana)


def outcomes(services: Services) -> dict[str, tuple[str | None, float | None]]:
    """Return the settled outcome and score of each key result."""
    k = tables.live_key_result.c
    with reading(services.engine) as tx:
        return {row.slug: (row.outcome, row.score) for row in tx.execute(sa.select(k.slug, k.outcome, k.score))}


def close(boss: SessionClient) -> None:
    """Close the cycle."""
    assert boss.submit(f"{PAGE}/close", on=PAGE).location == f"{PAGE}#closing"


def settle(boss: SessionClient, key_result: str, outcome: str) -> None:
    """Settle one outcome."""
    fields = {"key_result": key_result, f"outcome:{key_result}": outcome}
    assert boss.submit(f"{PAGE}/settle", on=PAGE, **fields).status_code == 302


def test_a_running_cycle_shows_its_days_and_progress(vera: SessionClient) -> None:
    """In any letter case; the objectives page links to it."""
    words = vera.words(PAGE.upper().replace("/CYCLES", "/cycles"))
    assert "1 Oct 2026 to 31 Dec 2026; day 41 of 92" in words
    assert "3 objectives, 6 key results" in words
    assert "Scores and outcomes" not in words
    assert f'href="{PAGE}"' in vera.read("/objectives")
    assert "No objectives yet." in vera.words("/cycles/2027-q1")


def test_days_of_grace_are_explained(example: Example, app: Flask, services: Services, clock: Clock) -> None:
    """Nothing can be settled before they are over; who tries is told when."""
    clock.advance(timedelta(days=53))
    boss = SessionClient.signed_in(app, services, example.ana)
    assert "still count until its numbers become final" in boss.words(PAGE)
    assert "Settle" not in boss.read(PAGE)
    assert boss.submit(f"{PAGE}/close", on="/objectives/x").status_code == 302
    assert "become final on" in boss.words(PAGE)
    settle(boss, "KR-1", "missed")
    assert "are not final yet" in boss.words(PAGE)
    assert set(outcomes(services).values()) == {(None, None)}


def test_a_cycle_is_closed_and_all_that_is_proposed_is_settled(boss: SessionClient, services: Services) -> None:
    """Scores are not settled before; what has no data has to be chosen."""
    assert "6 key results not computed as final yet" in boss.words(PAGE)
    close(boss)
    words = boss.words(PAGE)
    assert "The numbers are final." in words
    assert "not computed as final" not in words
    assert "missed, proposed" in words
    assert outcomes(services)["KR-1"] == (None, None)
    boss.submit(f"{PAGE}/settle", on=PAGE)
    settled = outcomes(services)
    assert settled["KR-1"][0] == "missed"
    assert settled["KR-4"] == ("achieved", 1.0)
    assert settled["KR-6"] == (None, None)
    assert "2 key results without data: choose each outcome." in boss.words(PAGE)
    settle(boss, "KR-3", "missed")
    settle(boss, "KR-6", "dropped")
    assert outcomes(services)["KR-6"] == ("dropped", None)
    assert "all settled" in boss.words(PAGE)


def test_one_outcome_is_changed(boss: SessionClient, services: Services) -> None:
    """Also after it was settled; the audit log says by whom."""
    close(boss)
    settle(boss, "KR-1", "dropped")
    assert outcomes(services)["KR-1"][0] == "dropped"
    settle(boss, "KR-1", "missed")
    assert outcomes(services)["KR-1"][0] == "missed"
    words = boss.words("/audit")
    assert "KR-1: settled as dropped" in words
    assert "KR-1: settled as missed" in words


def test_what_was_stale_is_computed_again_once(boss: SessionClient, services: Services) -> None:
    """KR-2 is stale, since its connection is refused: it says what is missing until that is mended."""
    close(boss)
    assert "stale when it became final" in boss.words(PAGE)
    fields = {"key_result": "KR-2"}
    boss.submit(f"{PAGE}/refreeze", on=PAGE, **fields)
    assert "KR-2 still lacks something" in boss.words(PAGE)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=None, refused_reason=None))
    boss.submit(f"{PAGE}/refreeze", on=PAGE, **fields)
    words = boss.words(PAGE)
    assert "Computed again: KR-2." in words
    assert "computed again by Ana Ruiz" in words
    boss.submit(f"{PAGE}/refreeze", on=PAGE, **fields)
    assert "nothing became final stale" in boss.words(PAGE).lower()


def test_carrying_over_is_previewed_and_then_done(boss: SessionClient, services: Services) -> None:
    """What was missed is chosen already; a preview changes nothing."""
    close(boss)
    assert "Settle the outcomes first" in boss.words(CARRY)
    boss.submit(f"{PAGE}/settle", on=PAGE)
    assert f'href="{CARRY}"' in boss.read(PAGE)
    page = boss.read(CARRY)
    assert 'value="KR-1" checked' in page
    assert 'value="KR-4"><' in page
    before = outcomes(services)
    preview = boss.words(f"{CARRY}?into=2027-q1&key_result=KR-1&rules=yes")
    assert "+ key result KR-1-q1" in preview
    assert "+ objective fast-checkout-q1" in preview
    assert outcomes(services) == before
    done = boss.submit(CARRY, on=CARRY, into="2027-q1", key_result="KR-1")
    assert done.location == "/objectives?cycle=2027-q1"
    assert "Carried over: 1 key result, KR-1-q1." in boss.words(done.location)
    assert "continued by KR-1-q1" in boss.words(PAGE)
    assert "carried over from 2026-q4 into 2027-q1" in boss.words("/audit")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"into": "2027-q1"}, "No key result is chosen."),
        ({"into": "2030-q1", "key_result": "KR-1"}, "There is no cycle 2030-q1."),
        ({"into": "2026-q4", "key_result": "KR-1"}, "does not begin after"),
        ({"into": "2027-q1", "key_result": "KR-99"}, "has no key result KR-99"),
        ({"into": "2027-q1", "key_result": "<script>alert(1)</script>"}, "has no key result"),
        ({"into": "2027-q1", "key_result": "KR-6"}, "is not settled yet"),
        ({"key_result": "KR-1"}, "There is no cycle"),
    ],
)
def test_what_can_not_be_carried_over_is_explained(boss: SessionClient, fields: dict[str, str], words: str) -> None:
    """In the preview and when it is sent; nothing is made."""
    close(boss)
    settle(boss, "KR-1", "missed")
    answers = [boss.submit(CARRY, on=CARRY, **fields)]
    if "into" in fields:
        answers.append(boss.client.get(CARRY, query_string=fields))
    for answer in answers:
        assert answer.status_code == 409
        assert words in seen_words(answer.text)
        assert "<script>alert" not in answer.text
    assert "No objectives yet." in boss.words("/cycles/2027-q1")


@pytest.mark.parametrize("action", ["close", "settle", "refreeze", "carry-over"])
def test_only_admins_close_and_carry_over(over: Example, app: Flask, services: Services, action: str) -> None:
    """Others see the outcomes, without a button, and can't send the forms either."""
    for person_id in (over.ben, over.vera):
        person = SessionClient.signed_in(app, services, person_id)
        page = person.read(PAGE)
        assert "<button" not in page.partition("<main")[2].partition("</main>")[0]
        assert person.submit(f"{PAGE}/{action}", on="/", key_result="KR-1", into="2027-q1").status_code == 403
    assert person.open(CARRY).status_code == 403
    assert set(outcomes(services).values()) == {(None, None)}


@pytest.mark.parametrize("path", ["/cycles/2030-q1", "/cycles/2030-q1/carry-over"])
def test_a_cycle_that_does_not_exist_is_not_found(ana: SessionClient, path: str) -> None:
    """On every page."""
    assert ana.open(path).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"key_result": "KR-99"}, 404), ({"key_result": "KR-1", "outcome:KR-1": "won"}, 400)],
)
def test_a_form_with_an_unknown_key_result_or_outcome_is_refused(
    boss: SessionClient, services: Services, fields: dict[str, str], status: int
) -> None:
    """Nothing is settled."""
    close(boss)
    assert boss.submit(f"{PAGE}/settle", on=PAGE, **fields).status_code == status
    assert set(outcomes(services).values()) == {(None, None)}


def test_the_pages_take_a_fixed_number_of_queries(boss: SessionClient, services: Services, over: Example) -> None:
    """However many key results there are."""
    counted: list[str] = []
    sa.event.listen(services.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))

    def queries() -> list[int]:
        for path in (PAGE, CARRY):  # once without counting: caches fill
            boss.read(path)
        counted.clear()
        return [len(counted) for path in (PAGE, CARRY) if boss.read(path)]

    before = queries()
    k = tables.key_result
    with writing(services.engine) as tx:
        columns = [column for column in k.c if column is not k.c.id]
        row = tx.execute(sa.select(*columns).where(k.c.id == over.key_results["KR-5"])).one()._mapping
        for number in range(20):
            tx.execute(sa.insert(k).values({**row, "slug": f"KR-1{number}"}))
    assert queries() == before


def test_what_takes_long_goes_on_after_the_answer(boss: SessionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says that it is under way, and not that it is done."""
    monkeypatch.setattr(closing, "compute_for_seconds", lambda _: None)
    close(boss)
    words = boss.words(PAGE)
    assert "Under way: 6 key results not final yet" in words
    assert "The numbers are final." not in words

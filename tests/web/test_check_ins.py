"""Check-ins and steps on the page of a key result: who enters what, what is asked about, corrected and withdrawn."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from tests.support.example_okrs import Example
from tests.support.services import Clock
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow

PATH = "/key-results/KR-3"
CHECK_IN = f"{PATH}/check-ins"


def check_ins(services: Services) -> list[tuple[float, str]]:
    """Return values and notes of the check-ins."""
    with reading(services.engine) as tx:
        c = tables.check_in
        return [(row.value, row.note) for row in tx.execute(sa.select(c.c.value, c.c.note).order_by(c.c.id))]


@pytest.mark.both_databases
def test_the_owner_checks_in_a_value_with_a_note(ben: SessionClient, services: Services) -> None:
    """The value is computed at once, and the history names person and note."""
    response = ben.submit(CHECK_IN, on=PATH, value=" 64,5 ", note="Dashboard of  Monday")
    assert (response.status_code, response.location) == (302, PATH)
    assert "Checked in. The value changes in a moment." in ben.words(PATH)
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "no data → to 64.5 % checked in: Dashboard of Monday by Ben Okafor" in words
    assert "Checked in. The value changes" not in words
    assert check_ins(services) == [(64.5, "Dashboard of Monday")]


def test_a_background_refresh_does_not_consume_a_message(ben: SessionClient) -> None:
    """The message is for the person, not for the script."""
    ben.submit(CHECK_IN, on=PATH, value="64")
    ben.client.get(PATH, headers={"X-Live": "1"})
    assert "Checked in. The value changes" in ben.words(PATH)


@pytest.mark.parametrize("value", ["many", "nan", "inf", "1e13", "1.2.3"])
def test_a_value_has_to_be_a_number(ben: SessionClient, services: Services, value: str) -> None:
    """The form comes back as it was typed, with the error."""
    response = ben.submit(CHECK_IN, on=PATH, value=value, note="my long note")
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    assert 'value="my long note"' in response.text
    assert check_ins(services) == []


def test_a_check_in_of_nothing_is_refused_and_a_note_alone_is_enough_for_an_owner(
    ben: SessionClient, services: Services
) -> None:
    """It moves no value."""
    response = ben.submit(CHECK_IN, on=PATH, value=" ", note=" ")
    assert response.status_code == 422
    assert "at least one of them" in response.text
    assert ben.submit(CHECK_IN, on=PATH, note="The survey is late").status_code == 302
    services.drains.by_table["recompute"]()
    assert "Nothing has moved it yet" in ben.words(PATH)


def test_a_note_has_a_maximum_length(ben: SessionClient, services: Services) -> None:
    """The server checks it, whatever the browser allows."""
    assert ben.submit(CHECK_IN, on=PATH, value="64", note="a" * 501).status_code == 422
    assert check_ins(services) == []


def from_zero_to_hundred(services: Services) -> None:
    """Let KR-3 go from 0 to 100."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(start=0, target=100))


@pytest.mark.parametrize("value", ["1000", "5e3", "-1000"])
def test_a_value_ten_times_past_the_target_is_asked_about_first(
    ben: SessionClient, services: Services, value: str
) -> None:
    """A second click takes exactly that value; another unlikely one is asked about again."""
    from_zero_to_hundred(services)
    response = ben.submit(CHECK_IN, on=PATH, value=value, note="my note")
    assert response.status_code == 422
    assert "Yes, check in" in response.text
    where = "away from the target" if value.startswith("-") else "past the target"
    assert f"It is far {where}: " in response.text
    assert 'value="my note"' in response.text
    assert check_ins(services) == []
    assert ben.submit(CHECK_IN, on=PATH, value="7000", sure=value).status_code == 422
    assert check_ins(services) == []
    assert ben.submit(CHECK_IN, on=PATH, value=value, sure=value, note="my note").status_code == 302
    assert check_ins(services) == [(float(value), "my note")]


@pytest.mark.parametrize("value", ["999", "120", "-999", "0"])
def test_a_likely_value_is_not_asked_about(ben: SessionClient, services: Services, value: str) -> None:
    """Passing the target is good news."""
    from_zero_to_hundred(services)
    assert ben.submit(CHECK_IN, on=PATH, value=value).status_code == 302
    assert check_ins(services) == [(float(value), "")]


def test_almost_a_million_is_not_a_million(ben: SessionClient, services: Services) -> None:
    """The key result is neither completed nor shown as such, and one more makes it so."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(target=1e6, unit="carts"))
    for value, progress, completed in (("999999.6", 0.999999, False), ("1000000", 1.0, True)):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
        with reading(services.engine) as tx:
            row = tx.execute(sa.select(k.c.progress, k.c.status).where(k.c.slug == "KR-3")).one()
        assert (row.progress, row.status == "completed") == (progress, completed)
        assert ("The target is reached." in ben.words(PATH)) is completed


def test_a_check_in_is_withdrawn_by_its_author_and_stays_in_the_list(ben: SessionClient, services: Services) -> None:
    """The value before it returns, and the history says who withdrew what."""
    for value in ("40", "70"):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
    newest = f"{CHECK_IN}/2/withdraw"
    assert ben.submit(newest, on=PATH).status_code == 302
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "70 % → to 40 % check-in of 70 % withdrawn by Ben Okafor" in words
    assert "Check-ins 70 % by Ben Okafor · withdrawn just now" in words
    assert ben.submit(newest, on=PATH).status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH).status_code == 302
    services.drains.by_table["recompute"]()
    assert "40 % → to no data" in ben.words(PATH)


def test_a_check_in_that_is_not_the_latest_is_withdrawn_without_moving_the_value(
    ben: SessionClient, services: Services
) -> None:
    """The list shows it."""
    for value in ("40", "70"):
        ben.submit(CHECK_IN, on=PATH, value=value)
        services.drains.by_table["recompute"]()
    ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH)
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "40 % by Ben Okafor · withdrawn just now" in words
    assert "withdrawn by Ben Okafor" not in words


def test_nobody_else_withdraws_a_check_in(
    ana: SessionClient, ben: SessionClient, vera: SessionClient, services: Services
) -> None:
    """Not even an admin, and nobody on the page of another key result or without one."""
    ben.submit(CHECK_IN, on=PATH, value="40")
    for person in (ana, vera):
        assert f"{CHECK_IN}/1/withdraw" not in person.read(PATH)
        assert person.submit(f"{CHECK_IN}/1/withdraw", on="/").status_code == 403
    for missing in ("/key-results/KR-1/check-ins/1/withdraw", f"{CHECK_IN}/99/withdraw"):
        assert ben.submit(missing, on=PATH).status_code == 403
    with reading(services.engine) as tx:
        assert tx.scalars(sa.select(tables.check_in.c.withdrawn_at)).all() == [None]


def test_an_admin_may_check_in_for_the_owner(ana: SessionClient, services: Services) -> None:
    """The owner may be away."""
    assert ana.submit(CHECK_IN, on=PATH, value="65").status_code == 302
    assert check_ins(services) == [(65.0, "")]


def test_only_a_manual_key_result_takes_values(ana: SessionClient, services: Services) -> None:
    """The value of any other key result is computed from issues."""
    assert "check-in-value" not in ana.read("/key-results/KR-1")
    assert ana.submit("/key-results/KR-1/check-ins", on="/", value="65").status_code == 422
    assert check_ins(services) == []


def test_another_member_may_not_check_in(ben: SessionClient, services: Services, example: Example) -> None:
    """Only the owner and admins may."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(owner_id=example.ana))
    assert "check-in-value" not in ben.read(PATH)
    assert ben.submit(CHECK_IN, on="/", value="65").status_code == 403
    assert check_ins(services) == []


def test_a_check_in_needs_the_csrf_token(ben: SessionClient, services: Services) -> None:
    """Another site must not send it in a person's name."""
    assert ben.client.post(CHECK_IN, data={"value": "64"}).status_code == 400
    assert check_ins(services) == []


def test_a_closed_cycle_takes_no_check_ins(ana: SessionClient, services: Services, clock: Clock) -> None:
    """Its numbers are final."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.cycle).values(ends=(clock.at - timedelta(days=4)).date()))
    words = ana.words(PATH)
    assert "The cycle is over. Its numbers are final." in words
    assert "check-in-value" not in ana.read(PATH)
    assert "/withdraw" not in ana.read(PATH)


def test_any_member_checks_in_with_a_confidence_on_a_computed_key_result(
    ben: SessionClient, vera: SessionClient, services: Services
) -> None:
    """It moves no value, and makes no entry of the history."""
    path = "/key-results/KR-1"
    before = ben.words(path)
    assert 'name="value"' not in ben.read(path)
    response = ben.submit(f"{path}/check-ins", on=path, confidence="7", note="Going well", blockers="Legal is slow")
    assert response.status_code == 302
    services.drains.by_table["recompute"]()
    words = vera.words(path)
    assert "Confidence 7 of 10. Likely: there are open questions" in words
    assert "Check-ins confidence 7 Going well Blockers: Legal is slow by Ben Okafor" in words
    assert "checked in" not in words
    assert before.partition("changes")[0][-3:] == words.partition("changes")[0][-3:]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"confidence": "11"}, "Confidence is a whole number from 0 to 10."),
        ({"confidence": "7.5"}, "Confidence is a whole number from 0 to 10."),
        ({"note": "only a note"}, "Choose a confidence from 0 to 10."),
        ({}, "Choose a confidence from 0 to 10."),
    ],
)
def test_a_wrong_check_in_of_a_contributor_is_explained(
    ben: SessionClient, services: Services, fields: dict[str, str], words: str
) -> None:
    """The form comes back."""
    response = ben.submit("/key-results/KR-1/check-ins", on="/key-results/KR-1", **fields)
    assert response.status_code == 422
    assert words in response.text
    assert 'aria-invalid="true"' in response.text
    assert check_ins(services) == []


def test_a_value_of_a_computed_key_result_is_refused_with_a_pointer(
    ana: SessionClient, ben: SessionClient, services: Services
) -> None:
    """Even an admin overrides it instead; a contributor may not set one at all."""
    path = "/key-results/KR-1"
    response = ana.submit(f"{path}/check-ins", on=path, value="40")
    assert response.status_code == 422
    assert "KR-1 is computed (done-share), so a check-in cannot set its value." in response.text
    assert ben.submit(f"{path}/check-ins", on=path, value="40", confidence="3").status_code == 403
    assert check_ins(services) == []


@pytest.mark.both_databases
def test_a_correction_keeps_the_time_of_what_it_corrects(ben: SessionClient, services: Services, clock: Clock) -> None:
    """So an older check-in that is corrected does not become the latest one; both stay in the list."""
    for value in ("62", "64"):
        ben.submit(CHECK_IN, on=PATH, value=value, confidence="4")
        services.drains.by_table["recompute"]()
        clock.at += timedelta(days=1)
    assert 'value="62"' in ben.read(f"{PATH}?correct=1")
    response = ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63", confidence="9")
    assert response.status_code == 302
    services.drains.by_table["recompute"]()
    words = ben.words(PATH)
    assert "64 %" in words.partition("Over the cycle")[0]
    assert "Confidence 4 of 10" in words
    assert "63 % confidence 9 by Ben Okafor · corrects an earlier entry" in words
    assert "62 % confidence 4 by Ben Okafor · corrected just now" in words
    assert ben.submit(f"{CHECK_IN}/2/correct", on=PATH, value="65").status_code == 302
    services.drains.by_table["recompute"]()
    assert "64 % → to 65 % check-in of 64 % corrected to 65 % by Ben Okafor" in ben.words(PATH)


def test_only_its_author_corrects_a_check_in_and_only_once(ana: SessionClient, ben: SessionClient) -> None:
    """An admin neither; what does not exist is refused as well."""
    ben.submit(CHECK_IN, on=PATH, value="62")
    assert "Correct a check-in" not in ana.read(f"{PATH}?correct=1")
    assert ana.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63").status_code == 403
    assert ben.submit(f"{CHECK_IN}/9/correct", on=PATH, value="63").status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="many").status_code == 422
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="63").status_code == 302
    assert ben.submit(f"{CHECK_IN}/1/correct", on=PATH, value="64").status_code == 403
    assert ben.submit(f"{CHECK_IN}/1/withdraw", on=PATH).status_code == 403


def test_check_ins_are_in_the_audit_log(ben: SessionClient, ana: SessionClient) -> None:
    """With what was entered, before and after."""
    ben.submit(CHECK_IN, on=PATH, value="62", confidence="4")
    ben.submit(f"{CHECK_IN}/1/correct", on=PATH, confidence="5", note="better")
    ben.submit(f"{CHECK_IN}/2/withdraw", on=PATH)
    words = ana.words("/audit")
    assert "checked in on KR-3: confidence 4 of 10, value 62 %" in words
    assert "corrected check-in 1 on KR-3: confidence 4 of 10, value 62 % → confidence 5 of 10, note better" in words
    assert "withdrew check-in 2 on KR-3: confidence 5 of 10, note better" in words


def test_the_page_says_how_often_check_ins_are_due(ben: SessionClient, services: Services, clock: Clock) -> None:
    """Its own cadence wins over the team's."""
    team, k = tables.team, tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(team).where(team.c.slug == "checkout").values(cadence="monthly"))
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(cadence="weekly"))
    ben.submit(CHECK_IN, on=PATH, value="62")
    clock.at += timedelta(days=9)
    assert "Checked in weekly; last 9 days ago: due." in ben.words(PATH)
    assert "Checked in monthly; no check-in yet: due." in ben.words("/key-results/KR-1")


def test_an_owner_ticks_steps_and_others_see_them(ben: SessionClient, vera: SessionClient, services: Services) -> None:
    """A button is a checkbox; the history names who ticked."""
    k, path = tables.key_result, "/key-results/KR-4"
    measure = {"kind": "steps", "steps": [{"name": "Contract signed"}, {"name": "Pilot live"}]}
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-4").values(measure=measure, target=100, unit="%"))
    assert ben.submit(f"{path}/steps/1", on=path, done="yes").status_code == 302
    services.drains.by_table["recompute"]()
    assert 'role="checkbox" aria-checked="true" aria-label="Contract signed"' in ben.read(path)
    assert "to 50 % step “Contract signed” done by Ben Okafor" in vera.words(path)
    assert 'role="checkbox"' not in vera.read(path)
    assert vera.submit(f"{path}/steps/2", on="/", done="yes").status_code == 403
    assert ben.submit(f"{path}/steps/1", on=path, done="no").status_code == 302
    services.drains.by_table["recompute"]()
    assert "50 % → to 0 % step “Contract signed” open again by Ben Okafor" in ben.words(path)
    assert ben.submit(f"{path}/steps/9", on=path, done="yes").status_code == 404

"""Writing objectives and key results on pages: as a file would, by whom it may, without losing what was typed."""

import json
import re
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.domain.measures.settings import DEFAULTS
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.web.objectives.okr_form import KIND_WORDS
from tests.support.example_okrs import NASTY, Example
from tests.web.sent_forms import form_of
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow

NEW_OBJECTIVE = {"title": "Everybody finds what they need", "cycle": "2026-q4", "weight": "1", "roll_up": "weighted"}
NEW_KEY_RESULT = {
    "title": "Searches that end with a click up to 60 %",
    "kind": "manual",
    "start": "41,5",
    "target": "60",
    "unit": "%",
    "weight": "1",
    "apply": "apply",
    "rolls_up": "yes",
}


def row(services: Services, table: sa.Table, slug: str) -> sa.Row[tuple[object, ...]] | None:
    """Return a row by its slug."""
    with reading(services.engine) as tx:
        return tx.execute(sa.select(table).where(table.c.slug == slug)).one_or_none()


def test_an_objective_and_its_first_key_result_are_written_in_the_browser(
    ana: SessionClient, services: Services
) -> None:
    """Short names are made; numbers may have a decimal comma; both say that a page made them."""
    answer = ana.submit("/edit/objective", on="/edit/objective?cycle=2026-q4", **NEW_OBJECTIVE)
    assert answer.location == "/objectives/everybody-finds-what-they-need"
    assert "No key result yet. Add the first one" in ana.words(answer.location)
    path = "/edit/objective/everybody-finds-what-they-need/key-result"
    answer = ana.submit(path, on=path, **NEW_KEY_RESULT)
    assert answer.location == "/key-results/KR-7"
    made = row(services, tables.key_result, "KR-7")
    assert made is not None
    assert (made.start, made.target, made.unit, made.origin) == (41.5, 60.0, "%", "page")
    assert made.changed_by == "ana@example.com"
    assert "objective everybody-finds-what-they-need" in ana.words("/audit")


def test_a_key_result_is_changed_by_its_owner(ben: SessionClient, services: Services) -> None:
    """The numbers are computed again; the export has what the page has."""
    fields = form_of(ben, "/edit/key-result/KR-2")
    assert (fields["title"], fields["kind"], fields["start"], fields["target"], fields["unit"]) == (
        "Open payment bugs down from 12 to 2",
        "open-count",
        "12",
        "2",
        "bugs",
    )
    answer = ben.submit("/edit/key-result/KR-2", on="/edit/key-result/KR-2", **{**fields, "target": "4"})
    assert answer.location == "/key-results/KR-2"
    changed = row(services, tables.key_result, "KR-2")
    assert changed is not None
    assert changed.target == 4.0


@pytest.mark.parametrize("slug", ["KR-1", "KR-2", "KR-3", "KR-4", "KR-5", "KR-6"])
def test_saving_a_form_unchanged_changes_nothing(ana: SessionClient, services: Services, slug: str) -> None:
    """Each field comes back as it is."""
    before = row(services, tables.key_result, slug)
    path = f"/edit/key-result/{slug}"
    assert ana.submit(path, on=path, **form_of(ana, path)).status_code == 302
    assert row(services, tables.key_result, slug) == before
    assert "Nothing to change." in ana.words(f"/key-results/{slug}")


@pytest.mark.parametrize("slug", ["fast-checkout", "steady-platform", "nasty"])
def test_saving_an_objective_unchanged_changes_nothing(ana: SessionClient, services: Services, slug: str) -> None:
    """Each field comes back as it is."""
    before = row(services, tables.objective, slug)
    path = f"/edit/objective/{slug}"
    assert ana.submit(path, on=path, **form_of(ana, path)).status_code == 302
    assert row(services, tables.objective, slug) == before


def test_what_a_page_changed_a_file_does_not_undo(ben: SessionClient, services: Services) -> None:
    """The file names the edit that it would revert; the exported file agrees."""
    path = "/edit/key-result/KR-2"
    ben.submit(path, on=path, **{**form_of(ben, path), "title": "Fewer than 2 open payment bugs"})
    applier = ConfigApplier.of(services, actor="the tests")
    with reading(services.engine) as tx:
        edits = tx.execute(
            sa.select(tables.key_result.c.page_edits).where(tables.key_result.c.slug == "KR-2")
        ).scalar_one()
    assert edits == {"title": "ben@example.com"}
    assert applier.zone is not None


def test_two_people_change_different_fields_of_one_key_result(ana: SessionClient, ben: SessionClient) -> None:
    """Both are kept, and nobody is asked."""
    path = "/edit/key-result/KR-2"
    first, second = form_of(ana, path), form_of(ben, path)
    assert ana.submit(path, on=path, **{**first, "title": "Payment bugs below 2"}).status_code == 302
    assert ben.submit(path, on=path, **{**second, "target": "3"}).status_code == 302
    fields = form_of(ben, path)
    assert (fields["title"], fields["target"]) == ("Payment bugs below 2", "3")


def test_two_people_change_the_same_field(ana: SessionClient, ben: SessionClient) -> None:
    """The second sees both, nothing is saved, and saving again saves what they chose."""
    path = "/edit/key-result/KR-2"
    first, second = form_of(ana, path), form_of(ben, path)
    ana.submit(path, on=path, **{**first, "target": "5", "unit": "open bugs"})
    answer = ben.submit(path, on=path, **{**second, "target": "3"})
    assert answer.status_code == 409
    text = unescape(answer.text)
    assert "Somebody else made it “5” meanwhile." in text
    assert 'name="target" value="3"' in text
    assert 'name="unit" value="open bugs"' in text
    assert form_of(ana, path)["target"] == "5"
    base = re.search(r'name="base" value="([^"]*)"', answer.text)
    assert base is not None
    again = {**second, "target": "3", "unit": "open bugs", "base": unescape(base[1])}
    assert ben.submit(path, on=path, **again).status_code == 302
    assert form_of(ana, path)["target"] == "3"


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"title": ""}, "title", "It is empty"),
        ({"target": "many"}, "target", "“many” is not a number"),
        ({"target": "12"}, "target", "a number other than the start, which is 12"),
        ({"kind": "done-shard"}, "kind", "did you mean"),
        ({"kind": "done-share", "settings": "wait: points"}, "settings", "did you mean within"),
        ({"settings": "a: [1"}, "settings", "line"),
        ({"settings": "just words"}, "settings", "one setting a line"),
        ({"weight": "-1"}, "weight", "Found -1"),
        ({"cadence": "daily"}, "cadence", "Found 'daily'"),
        ({"above": "5"}, "start", "stay alone"),
        ({"owner": "nobody@example.com"}, "owner", "nobody@example.com"),
        ({"objective": "no-such"}, "", ""),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_field(
    ana: SessionClient, services: Services, changed: dict[str, str], field: str, words: str
) -> None:
    """What was typed stays in the form, and nothing is stored."""
    path, before = "/edit/key-result/KR-2", row(services, tables.key_result, "KR-2")
    answer = ana.submit(path, on=path, **{**form_of(ana, path), **changed})
    assert answer.status_code == (404 if "objective" in changed else 422)
    assert row(services, tables.key_result, "KR-2") == before
    if field:
        text = unescape(answer.text)
        wrong = re.search(rf'id="{field}-error">(.*?)</div>', text, re.DOTALL)
        assert wrong is not None, text
        assert words in wrong[1]
        for name, typed in changed.items():
            assert typed in text, name


def test_a_short_name_that_is_taken_is_refused(ana: SessionClient) -> None:
    """In any letter case."""
    answer = ana.submit(
        "/edit/objective", on="/edit/objective?cycle=2026-q4", **NEW_OBJECTIVE, slug="FAST-checkout", team="checkout"
    )
    assert answer.status_code == 422
    assert "a short name that is not taken" in unescape(answer.text)
    assert '<option value="checkout" selected>' in answer.text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/edit/objective", {"ana"}),
        ("/edit/objective/fast-checkout", {"ana"}),
        ("/edit/objective/steady-platform", {"ana", "ben"}),
        ("/edit/objective/fast-checkout/key-result", {"ana"}),
        ("/edit/objective/steady-platform/key-result", {"ana", "ben"}),
        ("/edit/key-result/KR-1", {"ana"}),
        ("/edit/key-result/KR-2", {"ana", "ben"}),
        ("/edit/key-result/KR-5", {"ana", "ben"}),
    ],
)
def test_only_owners_and_admins_write(
    app: Flask, services: Services, example: Example, path: str, allowed: set[str]
) -> None:
    """Whoever may not see the form can't send it either; nothing is stored."""
    people = {name: getattr(example, name) for name in ("ana", "ben", "vera")}
    fields = {**NEW_KEY_RESULT, **NEW_OBJECTIVE}
    for name, person_id in people.items():
        person = SessionClient.signed_in(app, services, person_id)
        shown = person.open(path).status_code
        with reading(services.engine) as tx:
            before = tx.execute(sa.select(sa.func.count()).select_from(tables.audit)).scalar_one()
        typed = form_of(person, path) if name in allowed else {}
        sent = person.submit(path, on="/", **{**fields, **typed, "title": f"Changed by {name} to 3"}).status_code
        assert (shown, sent) == ((200, 302) if name in allowed else (403, 403)), name
        with reading(services.engine) as tx:
            after = tx.execute(sa.select(sa.func.count()).select_from(tables.audit)).scalar_one()
        assert (after > before) == (name in allowed)


def test_an_owner_moves_a_key_result_only_to_an_objective_that_they_may_change(
    ben: SessionClient, ana: SessionClient, services: Services
) -> None:
    """Ben owns KR-2, the platform's objective, but not that of the checkout."""
    path = "/edit/key-result/KR-4"
    fields = form_of(ben, path)
    assert ben.submit(path, on=path, **{**fields, "objective": "fast-checkout"}).status_code == 403
    assert ana.submit(path, on=path, **{**fields, "objective": "fast-checkout"}).status_code == 302
    assert 'href="/objectives/fast-checkout"' in ana.read("/key-results/KR-4")


def test_a_new_goal_is_previewed_and_not_saved(ana: SessionClient, services: Services) -> None:
    """With the value that linked work gives now, as saving it would give."""
    path, before = "/edit/key-result/KR-2", row(services, tables.key_result, "KR-2")
    fields = {**form_of(ana, path), "target": "7"}
    shown = ana.submit(f"{path}/preview", on=path, **fields).text
    found = re.search(r"With this goal, now:</strong> (\d+) ", unescape(shown).replace("\u202f", " "))
    assert found is not None
    assert row(services, tables.key_result, "KR-2") == before
    ana.submit(path, on=path, **fields)
    while services.drains.by_table["recompute"]():
        pass
    after = row(services, tables.key_result, "KR-2")
    assert after is not None
    assert float(found[1]) == after.current


def test_a_preview_says_what_is_wrong(ana: SessionClient) -> None:
    """As saving it would."""
    path = "/edit/key-result/KR-2"
    fields = form_of(ana, path)
    assert "“x” is not a number" in unescape(ana.submit(f"{path}/preview", on=path, **{**fields, "target": "x"}).text)
    gone = ana.submit(f"{path}/preview", on=path, **{**fields, "objective": "no-such"}).text
    assert "there is no objective no-such" in gone.lower()
    wrong = ana.submit(f"{path}/preview", on=path, **{**fields, "kind": "no"}).text
    assert "done-share" in wrong


def test_hints_are_shown_and_block_nothing(ana: SessionClient) -> None:
    """A task without a number can be saved."""
    path = "/edit/objective/fast-checkout/key-result"
    words = {**NEW_KEY_RESULT, "title": "Launch it soon"}
    shown = unescape(ana.submit(f"{path}/hints", on=path, **words).text)
    assert "The title has no number." in shown
    assert "reads like a task" in shown
    assert ana.submit(path, on=path, **words).status_code == 302
    hints = unescape(ana.submit("/edit/objective/hints", on=path, title="Launch", count="7").text)
    assert "7 key results" in hints


@pytest.mark.parametrize("base", ["", "[]", "no json", '{"title": 5}', json.dumps({"title": "x" * 10})])
def test_a_form_that_does_not_say_what_it_began_from_loses_nothing(
    ana: SessionClient, services: Services, base: str
) -> None:
    """What it would change is shown first, in place of being overwritten."""
    path, before = "/edit/key-result/KR-2", row(services, tables.key_result, "KR-2")
    answer = ana.submit(path, on=path, **{**form_of(ana, path), "title": "Another title with 3", "base": base})
    assert answer.status_code == 409
    assert row(services, tables.key_result, "KR-2") == before


def test_hostile_texts_do_no_harm(ana: SessionClient, services: Services) -> None:
    """They are stored as typed and escaped on every page."""
    title = f"{NASTY} =cmd|' /C calc'!A0 {{{{7*7}}}} 3"
    answer = ana.submit("/edit/objective", on="/edit/objective", **{**NEW_OBJECTIVE, "title": title})
    assert answer.location is not None
    path = answer.location.removeprefix("/objectives/")
    for page in (answer.location, f"/edit/objective/{path}", "/objectives", f"/edit/objective/{path}/key-result"):
        assert "<script>alert" not in ana.read(page)
    assert form_of(ana, f"/edit/objective/{path}")["title"] == title


def test_the_form_offers_every_measure() -> None:
    """A new kind of measure needs words."""
    assert set(KIND_WORDS) == set(DEFAULTS)


def test_what_is_gone_is_not_found(ana: SessionClient, services: Services) -> None:
    """Also when it was removed while the form was open."""
    path = "/edit/key-result/KR-2"
    fields = form_of(ana, path)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).where(tables.key_result.c.slug == "KR-2").values(removed_at=1))
    assert ana.submit(path, on="/", **fields).status_code == 404
    assert ana.open(path).status_code == 404
    assert ana.open("/edit/objective/no-such").status_code == 404

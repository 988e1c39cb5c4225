"""Rules are listed, written, seen through before they are saved, and switched off and on."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.rules import Definition, save
from sync_service.store.views import rules
from tests.support.example_okrs import Example
from tests.support.services import NOW
from tests.web.rules_seed import (
    NASTY_LABEL,
    NETWORK,
    SCRIPT,
    add_labelled_issues,
    add_rule,
    apply_rules,
    audited,
    current,
    stored_rule,
)
from tests.web.session_client import Visitor, seen_words


@pytest.fixture(autouse=True)
def labelled(services: Services, example: Example) -> None:
    """Every test here has issues to match."""
    add_labelled_issues(services, example)


def version(services: Services, slug: str) -> str:
    """Give the version of a rule that an edit begins from."""
    with reading(services.engine) as tx:
        return rules.rule_views(tx, slug=slug)[0].version


def test_without_rules_the_page_explains_them_and_offers_the_first(ana: Visitor, vera: Visitor) -> None:
    """Only to those who may write one."""
    assert "No rule yet" in ana.words("/rules")
    assert "Add the first rule" in ana.words("/rules")
    assert "Add the first rule" not in vera.words("/rules")
    assert "Only admins can add rules" in vera.words("/rules")


def test_the_list_says_what_a_rule_is_and_how_it_stands(ana: Visitor, services: Services, example: Example) -> None:
    """Condition in words, key result, connection, owner, linked issues, state."""
    add_rule(services, example, "network-label")
    words = ana.words("/rules")
    for said in ("network-label", "labels has network", "KR-6", "acme-github", "Ana Ruiz", "active"):
        assert said in words
    assert re.search(r'class="number" data-watch>4<', ana.read("/rules"))


def test_a_rule_that_is_not_applied_yet_says_so(ana: Visitor, services: Services) -> None:
    """Saving begins a revision; until its links are there it is being applied."""
    assert ana.submit("/rules/new", on="/rules/new", **NETWORK).location == "/rules"
    assert "being applied" in ana.words("/rules")
    apply_rules(services)
    assert "being applied" not in ana.words("/rules")
    assert "active" in ana.words("/rules")


def test_a_list_is_filtered_by_words_and_paged(ana: Visitor, services: Services, example: Example) -> None:
    """All words must be there, in any column."""
    with writing(services.engine) as tx:
        for number in range(60):
            condition = {"all": [{"field": "labels", "has": f"label-{number}"}]}
            save(
                tx,
                Definition(
                    slug=f"rule-{number:02}",
                    owner_id=None,
                    connection_id=example.github,
                    key_result_id=example.key_results["KR-1"],
                    condition=condition,
                ),
                changed_by="",
                now=NOW,
            )
    assert "1 to 50 of 60 rules" in ana.words("/rules")
    assert "51 to 60 of 60 rules" in ana.words("/rules?page=2")
    assert "rule-59" in ana.words("/rules?page=99")
    found = ana.words("/rules?q=LABEL-59+KR-1")
    assert "1 of 60 rules" in found
    assert "rule-59" in found
    assert "rule-58" not in found
    assert "No matching rule" in ana.words("/rules?q=nowhere")


def test_a_saved_rule_moves_its_key_result(ana: Visitor, services: Services) -> None:
    """Left without a name it is called after what it asks for; the audit log knows who wrote it."""
    answer = ana.submit("/rules/new", on="/rules/new", act="save", **NETWORK)
    assert (answer.status_code, answer.location) == (302, "/rules")
    assert "network is saved" in ana.words("/rules")
    apply_rules(services)
    assert current(services, "KR-6") == pytest.approx(100 / 3, abs=1e-5)
    assert ("ana@example.com", "rule network created: labels has network") in audited(services)


def test_the_preview_shows_issues_and_values_and_saves_nothing(ana: Visitor, services: Services) -> None:
    """What matches, what is dropped, and from what to what the key result would go."""
    before = current(services, "KR-6")
    answer = ana.submit("/rules/preview", on="/rules/new", **NETWORK)
    words = seen_words(answer.text)
    assert "4 issues of 5 match" in words
    assert "acme/checkout#704" in words
    assert re.search(r"no data would be 33\.33\s% ", words)
    assert "1 of 3 issues done" in words
    assert "if empty: network" in words
    apply_rules(services)
    assert current(services, "KR-6") == before
    assert "No rule yet" in ana.words("/rules")


def test_the_preview_of_an_edit_tells_what_comes_and_what_goes(
    ana: Visitor, services: Services, example: Example
) -> None:
    """Moved to another key result, both are shown."""
    add_rule(services, example, "network-label")
    form = NETWORK | {"editing": "network-label", "seen": version(services, "network-label"), "key_result": "KR-2"}
    form |= {"row-0-value": "payments"}
    words = seen_words(ana.submit("/rules/preview", on="/rules/network-label", **form).text)
    assert "1 issue of 5 matches: 1 new, 4 no longer" in words
    assert "No longer linked by this rule" in words
    assert re.search(r"KR-6 .* would be no data", words)
    assert "KR-2 Open payment bugs" in words


@pytest.mark.parametrize(
    ("changed", "place", "said"),
    [
        ({"row-0-value": "  "}, "row-0-mistake", "allowed: a text that is not empty"),
        ({"connection": ""}, "connection-mistake", "Choose the connection"),
        ({"key_result": "KR-99"}, "key_result-mistake", "Choose the key result"),
        ({"owner": "nobody@example.com"}, "owner-mistake", "No person has this address"),
        ({"slug": "a b"}, "slug-mistake", "Use letters, digits"),
        ({"slug": "new"}, "slug-mistake", "these are reserved: new, preview, draft"),
        ({"mode": "text", "text": "all: [{field: colour, is: red}]"}, "text-mistake", "found 'colour', allowed is one"),
    ],
)
def test_what_is_wrong_stands_beside_it_and_nothing_is_saved(
    ana: Visitor, changed: dict[str, str], place: str, said: str
) -> None:
    """The form comes back as it was, with 422."""
    answer = ana.submit("/rules/new", on="/rules/new", **(NETWORK | changed))
    assert answer.status_code == 422
    beside = re.search(rf'id="{place}">(.*?)</div>', answer.text, re.DOTALL)
    assert beside, "nothing beside the field"
    assert said in seen_words(beside[1])
    assert "No rule yet" in ana.words("/rules")


def test_two_rules_cannot_have_one_name(ana: Visitor, services: Services, example: Example) -> None:
    """Neither when named so, nor by the suggestion."""
    add_rule(services, example, "network", key_result_id=example.key_results["KR-1"])
    for slug in ("network", ""):
        answer = ana.submit("/rules/new", on="/rules/new", slug=slug, **NETWORK)
        assert answer.status_code == 422
        assert "A rule named network exists already" in seen_words(answer.text)
    kept = stored_rule(services, "network")
    assert kept is not None
    assert kept.key_result_id == example.key_results["KR-1"]


def test_an_edit_over_somebody_elses_is_refused_and_shows_theirs(
    ana: Visitor, services: Services, example: Example
) -> None:
    """Saving once more replaces it knowingly."""
    add_rule(services, example, "network-label")
    begun = version(services, "network-label")
    add_rule(services, example, "network-label", condition={"field": "labels", "has": "payments"})
    form = NETWORK | {"row-0-value": "mine"}
    answer = ana.submit("/rules/network-label", on="/rules/network-label", seen=begun, **form)
    words = seen_words(answer.text)
    assert answer.status_code == 409
    assert "Somebody else changed this rule while you were editing. Ben Okafor" in words
    assert "acme-github: labels has payments → KR-6" in words
    assert 'value="mine"' in answer.text
    kept = stored_rule(services, "network-label")
    assert kept is not None
    assert kept.condition == {"field": "labels", "has": "payments"}

    seen = re.search(r'name="seen" value="([^"]+)"', answer.text)
    assert seen
    assert ana.submit("/rules/network-label", on="/rules/network-label", seen=seen[1], **form).status_code == 302
    kept = stored_rule(services, "network-label")
    assert kept is not None
    assert kept.condition == {"all": [{"field": "labels", "has": "mine"}]}


@pytest.mark.both_databases
def test_a_rule_is_switched_off_and_on(ana: Visitor, services: Services, example: Example) -> None:
    """Its links go, and come back."""
    add_rule(services, example, "network-label")
    assert current(services, "KR-6") is not None
    assert ana.submit("/rules/network-label/enabled", on="/rules", enabled="off").status_code == 302
    apply_rules(services)
    assert current(services, "KR-6") is None
    assert "network-label is disabled" in ana.words("/rules")
    assert "The rule is disabled and stays disabled" in ana.words("/rules/network-label")
    ana.submit("/rules/network-label/enabled", on="/rules", enabled="on")
    apply_rules(services)
    assert current(services, "KR-6") is not None
    assert [what for _, what in audited(services)] == [
        "rule network-label disabled",
        "rule network-label enabled: labels has network",
    ]


@pytest.mark.both_databases
def test_saving_without_a_change_says_so(ana: Visitor, services: Services, example: Example) -> None:
    """No revision, no line in the audit log."""
    add_rule(services, example, "network-label")
    seen = version(services, "network-label")
    ana.submit("/rules/network-label", on="/rules/network-label", seen=seen, **NETWORK)
    assert "Nothing to change" in ana.words("/rules")
    assert audited(services) == []


def test_a_viewer_reads_rules_and_changes_none(vera: Visitor, services: Services, example: Example) -> None:
    """No form, and no way around it."""
    add_rule(services, example, "network-label")
    assert "labels has network" in vera.words("/rules/network-label")
    assert 'id="rule-form"' not in vera.read("/rules/network-label")
    assert "Disable" not in vera.words("/rules")
    assert vera.open("/rules/new").status_code == 403
    for path in (
        "/rules/new",
        "/rules/preview",
        "/rules/draft",
        "/rules/network-label",
        "/rules/network-label/enabled",
    ):
        assert vera.submit(path, on="/rules", **NETWORK).status_code == 403


def test_a_form_without_its_token_changes_nothing(ana: Visitor, services: Services, example: Example) -> None:
    """Somebody else's page can't send it."""
    add_rule(services, example, "network-label")
    assert ana.client.post("/rules/network-label/enabled", data={"enabled": "off"}).status_code == 400
    kept = stored_rule(services, "network-label")
    assert kept is not None
    assert kept.enabled


def test_strangers_are_sent_to_sign_in(stranger: FlaskClient, example: Example) -> None:
    """Every page of rules is closed."""
    for path in ("/rules", "/rules/new", "/rules/x"):
        assert "/sign-in" in stranger.get(path).location


@pytest.mark.both_databases
def test_a_rule_with_a_query_is_shown_and_not_changed(ana: Visitor, services: Services, example: Example) -> None:
    """With how far its listing has come, and what only the tracker can judge."""
    query = "repo:acme/checkout is:issue archived:false"
    add_rule(services, example, "payment-bugs", condition={}, query=query)
    words = ana.words("/rules/payment-bugs")
    assert query in words
    assert "Last listed not yet, 0 issues" in words
    assert "Only the tracker can evaluate archived:false" in words
    assert "being applied" in words
    with writing(services.engine) as tx:
        said = {"incomplete_reason": "there are no credentials", "outside": 3, "done_at": NOW}
        tx.execute(sa.update(tables.query_listing).values(said))
    words = ana.words("/rules/payment-bugs")
    assert "Some issues of this query are missing: there are no credentials." in words
    assert "3 outside the watched scopes" in words
    assert "incomplete" in ana.words("/rules")
    answer = ana.submit("/rules/payment-bugs", on="/rules", seen=version(services, "payment-bugs"), **NETWORK)
    assert answer.status_code == 409
    kept = stored_rule(services, "payment-bugs")
    assert kept is not None
    assert kept.query == query


def test_nothing_from_a_tracker_becomes_markup(ana: Visitor, services: Services, example: Example) -> None:
    """Titles, labels and values are text, wherever they stand."""
    form: dict[str, Any] = NETWORK | {"row-0-value": NASTY_LABEL}
    preview = ana.submit("/rules/preview", on="/rules/new", **form).text
    assert SCRIPT in seen_words(preview) or "&lt;script&gt;" in preview
    add_rule(services, example, "nasty", condition={"all": [{"field": "labels", "has": NASTY_LABEL}]})
    for html in (preview, ana.read("/rules"), ana.read("/rules/nasty")):
        assert "<script>alert" not in html
        assert "<img" not in html.replace('<img src="/static/', "")


@pytest.mark.parametrize("path", ["/rules/nowhere", "/rules/nowhere/enabled"])
def test_a_rule_that_is_not_there_is_not_found(ana: Visitor, path: str) -> None:
    """It is said which."""
    answer = ana.submit(path, on="/rules/new", **NETWORK)
    assert answer.status_code == 404
    assert "There is no rule nowhere" in seen_words(answer.text)

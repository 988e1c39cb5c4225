"""The pages of rules: list, form, preview, and enabling and disabling."""

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
from tests.web.session_client import SessionClient, seen_words


@pytest.fixture(autouse=True)
def labelled_issues(services: Services, example: Example) -> None:
    """Add issues that rules can match."""
    add_labelled_issues(services, example)


def test_a_new_rule_without_a_connection_leads_to_connecting_one(ana: SessionClient, services: Services) -> None:
    """Without a key result it leads to the page that says how to add some."""
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.connection))
    text = ana.read("/rules/new")
    assert "No tracker is connected yet" in text
    assert 'href="/connections/new"' in text
    assert "okr-sync apply" not in text
    assert ana.open("/connections/new").status_code == 200


def version(services: Services, slug: str) -> str:
    """Return the version of a rule on which an edit is based."""
    with reading(services.engine) as tx:
        return rules.rule_views(tx, slug=slug)[0].version


def test_without_rules_the_page_explains_them(ana: SessionClient, vera: SessionClient) -> None:
    """Only admins get the link to add the first one."""
    assert "No rule yet" in ana.words("/rules")
    assert "Add the first rule" in ana.words("/rules")
    assert "Add the first rule" not in vera.words("/rules")
    assert "Only members and admins can add rules" in vera.words("/rules")


def test_the_list_shows_each_rule_with_its_status(ana: SessionClient, services: Services, example: Example) -> None:
    """A row has condition, key result, connection, owner, number of linked issues and status."""
    add_rule(services, example, "network-label")
    words = ana.words("/rules")
    for message in ("network-label", "labels include network", "KR-6", "acme-github", "Ana Ruiz", "active"):
        assert message in words
    assert re.search(r'class="number" data-watch>4<', ana.read("/rules"))


def test_a_saved_rule_is_shown_as_being_applied(ana: SessionClient, services: Services) -> None:
    """It is active once its revision is drained and its links are stored."""
    assert ana.submit("/rules/new", on="/rules/new", **NETWORK).location == "/rules"
    assert "being applied" in ana.words("/rules")
    apply_rules(services)
    assert "being applied" not in ana.words("/rules")
    assert "active" in ana.words("/rules")


def test_the_list_has_a_filter_and_pages(ana: SessionClient, services: Services, example: Example) -> None:
    """Each word must be in some column."""
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


def test_a_saved_rule_changes_its_key_result(ana: SessionClient, services: Services) -> None:
    """Without a slug it gets one from its condition; the audit log names the admin."""
    response = ana.submit("/rules/new", on="/rules/new", act="save", **NETWORK)
    assert (response.status_code, response.location) == (302, "/rules")
    assert "network is saved" in ana.words("/rules")
    apply_rules(services)
    assert current(services, "KR-6") == pytest.approx(100 / 3, abs=1e-5)
    assert ("ana@example.com", "rule network created: labels include network") in audited(services)


def test_the_preview_shows_issues_and_values_and_saves_nothing(ana: SessionClient, services: Services) -> None:
    """It shows which issues match or are dropped, and how the value would change."""
    before = current(services, "KR-6")
    response = ana.submit("/rules/preview", on="/rules/new", **NETWORK)
    words = seen_words(response.text)
    assert "4 issues of 5 match" in words
    assert "acme/checkout#704" in words
    assert re.search(r"no data would be 33\.33\s% ", words)
    assert "1 of 3 issues done" in words
    assert "if empty: network" in words
    apply_rules(services)
    assert current(services, "KR-6") == before
    assert "No rule yet" in ana.words("/rules")


def test_the_preview_says_that_a_value_is_only_proposed(ana: SessionClient, services: Services) -> None:
    """Saving the rule would not move the value."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))
    words = seen_words(ana.submit("/rules/preview", on="/rules/new", **NETWORK).text)
    assert re.search(
        r"The computed value goes from no data to 33\.33\s%; it does not apply, because it is only proposed\.", words
    )


@pytest.mark.slow
def test_the_preview_of_an_edit_shows_new_and_removed_links(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """When the edit names another key result, it shows both."""
    add_rule(services, example, "network-label")
    form = NETWORK | {"editing": "network-label", "seen": version(services, "network-label"), "key_result": "KR-2"}
    form |= {"row-0-value": "payments"}
    words = seen_words(ana.submit("/rules/preview", on="/rules/network-label", **form).text)
    assert "1 issue of 5 matches: 1 new, 4 no longer" in words
    assert "No longer linked by this rule" in words
    assert re.search(r"KR-6 .* would be no data", words)
    assert "KR-2 Open payment bugs" in words


@pytest.mark.parametrize(
    ("changed", "error_id", "message"),
    [
        ({"row-0-value": "  "}, "row-0-error", "allowed: a text that is not empty"),
        ({"connection": ""}, "connection-error", "Choose the connection"),
        ({"key_result": "KR-99"}, "key_result-error", "Choose the key result"),
        ({"owner": "nobody@example.com"}, "owner-error", "No person has this address"),
        ({"slug": "a b"}, "slug-error", "Use letters, digits"),
        ({"slug": "new"}, "slug-error", "these are reserved: new, preview, draft"),
        ({"mode": "text", "text": "all: [{field: colour, is: red}]"}, "text-error", "found 'colour', allowed is one"),
    ],
)
def test_an_error_is_shown_beside_its_field_and_nothing_is_saved(
    ana: SessionClient, changed: dict[str, str], error_id: str, message: str
) -> None:
    """The form comes back with its values and status 422."""
    response = ana.submit("/rules/new", on="/rules/new", **(NETWORK | changed))
    assert response.status_code == 422
    beside = re.search(rf'id="{error_id}">(.*?)</div>', response.text, re.DOTALL)
    assert beside, "nothing beside the field"
    assert message in seen_words(beside[1])
    assert "No rule yet" in ana.words("/rules")


def test_a_slug_must_be_unique(ana: SessionClient, services: Services, example: Example) -> None:
    """A typed slug is checked, and a suggested one too."""
    add_rule(services, example, "network", key_result_id=example.key_results["KR-1"])
    for slug in ("network", ""):
        response = ana.submit("/rules/new", on="/rules/new", slug=slug, **NETWORK)
        assert response.status_code == 422
        assert "A rule named network exists already" in seen_words(response.text)
    saved = stored_rule(services, "network")
    assert saved is not None
    assert saved.key_result_id == example.key_results["KR-1"]


@pytest.mark.slow
def test_a_conflicting_edit_is_refused_and_shows_the_other_one(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """Saving once more overwrites it on purpose."""
    add_rule(services, example, "network-label")
    edited_version = version(services, "network-label")
    add_rule(services, example, "network-label", condition={"field": "labels", "has": "payments"})
    form = NETWORK | {"row-0-value": "mine"}
    response = ana.submit("/rules/network-label", on="/rules/network-label", seen=edited_version, **form)
    words = seen_words(response.text)
    assert response.status_code == 409
    assert "Somebody else changed this rule while you were editing. Ben Okafor" in words
    assert "acme-github: labels include payments → KR-6" in words
    assert 'value="mine"' in response.text
    saved = stored_rule(services, "network-label")
    assert saved is not None
    assert saved.condition == {"field": "labels", "has": "payments"}

    seen = re.search(r'name="seen" value="([^"]+)"', response.text)
    assert seen
    assert ana.submit("/rules/network-label", on="/rules/network-label", seen=seen[1], **form).status_code == 302
    saved = stored_rule(services, "network-label")
    assert saved is not None
    assert saved.condition == {"all": [{"field": "labels", "has": "mine"}]}


@pytest.mark.both_databases
def test_a_rule_is_disabled_and_enabled(ana: SessionClient, services: Services, example: Example) -> None:
    """Its links are removed, and added again."""
    add_rule(services, example, "network-label")
    assert current(services, "KR-6") is not None
    assert ana.submit("/rules/network-label/state", on="/rules", state="disabled").status_code == 302
    apply_rules(services)
    assert current(services, "KR-6") is None
    assert "network-label is disabled" in ana.words("/rules")
    assert "The rule is disabled. This is what it would do if it were active." in ana.words("/rules/network-label")
    ana.submit("/rules/network-label/state", on="/rules", state="active")
    apply_rules(services)
    assert current(services, "KR-6") is not None
    assert [what for _, what in audited(services)] == [
        "rule network-label disabled",
        "rule network-label enabled: labels include network",
    ]


@pytest.mark.both_databases
def test_saving_without_a_change_says_so(ana: SessionClient, services: Services, example: Example) -> None:
    """There is no revision and no line in the audit log."""
    add_rule(services, example, "network-label")
    seen = version(services, "network-label")
    ana.submit("/rules/network-label", on="/rules/network-label", seen=seen, **NETWORK)
    assert "Nothing to change" in ana.words("/rules")
    assert audited(services) == []


def test_a_viewer_may_read_rules_but_not_change_them(vera: SessionClient, services: Services, example: Example) -> None:
    """The page has no form, and every POST answers 403."""
    add_rule(services, example, "network-label")
    assert "labels include network" in vera.words("/rules/network-label")
    assert 'id="rule-form"' not in vera.read("/rules/network-label")
    assert "Disable" not in vera.words("/rules")
    assert vera.open("/rules/new").status_code == 403
    for path in (
        "/rules/new",
        "/rules/preview",
        "/rules/draft",
        "/rules/network-label",
        "/rules/network-label/state",
    ):
        assert vera.submit(path, on="/rules", **NETWORK).status_code == 403


def test_a_form_without_its_csrf_token_changes_nothing(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """Another site must not be able to send it."""
    add_rule(services, example, "network-label")
    assert ana.client.post("/rules/network-label/state", data={"state": "disabled"}).status_code == 400
    saved = stored_rule(services, "network-label")
    assert saved is not None
    assert saved.state == "active"


def test_rules_need_a_session(anonymous: FlaskClient, example: Example) -> None:
    """Without a session every page of rules redirects to the sign-in page."""
    for path in ("/rules", "/rules/new", "/rules/x"):
        assert "/sign-in" in anonymous.get(path).location


@pytest.mark.both_databases
def test_a_rule_with_a_query_is_read_only(ana: SessionClient, services: Services, example: Example) -> None:
    """The page shows the state of its list run, and which qualifiers only the tracker can evaluate."""
    query = "repo:acme/checkout is:issue archived:false"
    add_rule(services, example, "payment-bugs", condition={}, query=query)
    words = ana.words("/rules/payment-bugs")
    assert query in words
    assert "Last listed not yet, 0 issues" in words
    assert "Only the tracker can evaluate archived:false" in words
    assert "being applied" in words
    with writing(services.engine) as tx:
        listing = {"incomplete_reason": "there are no credentials", "outside": 3, "done_at": NOW}
        tx.execute(sa.update(tables.query_listing).values(listing))
    words = ana.words("/rules/payment-bugs")
    assert "Some issues of this query are missing: there are no credentials." in words
    assert "3 outside the watched scopes" in words
    assert "incomplete" in ana.words("/rules")
    response = ana.submit("/rules/payment-bugs", on="/rules", seen=version(services, "payment-bugs"), **NETWORK)
    assert response.status_code == 409
    saved = stored_rule(services, "payment-bugs")
    assert saved is not None
    assert saved.query == query


def test_texts_from_a_tracker_are_escaped(ana: SessionClient, services: Services, example: Example) -> None:
    """They are titles, labels and values."""
    form: dict[str, Any] = NETWORK | {"row-0-value": NASTY_LABEL}
    preview = ana.submit("/rules/preview", on="/rules/new", **form).text
    assert SCRIPT in seen_words(preview) or "&lt;script&gt;" in preview
    add_rule(services, example, "nasty", condition={"all": [{"field": "labels", "has": NASTY_LABEL}]})
    for html in (preview, ana.read("/rules"), ana.read("/rules/nasty")):
        assert "<script>alert" not in html
        assert "<img" not in html.replace('<img src="/static/', "")


@pytest.mark.parametrize("path", ["/rules/nowhere", "/rules/nowhere/state"])
def test_an_unknown_rule_is_not_found(ana: SessionClient, path: str) -> None:
    """The page names it."""
    response = ana.submit(path, on="/rules/new", state="active", **NETWORK)
    assert response.status_code == 404
    assert "There is no rule nowhere" in seen_words(response.text)


@pytest.mark.slow
def test_the_page_of_a_rule_says_whom_its_logins_mean(
    ana: SessionClient, vera: SessionClient, services: Services, example: Example
) -> None:
    """To those who may edit it and to those who may not."""
    add_rule(services, example, "by-bo", condition={"field": "author", "is": "Bo"})
    with writing(services.engine) as tx:
        row = {"kind": "github", "site": "https://acme-github.example.com", "login": "bo", "stable_id": "77"}
        tx.execute(sa.insert(tables.pinned_account).values(**row, first_seen_at=NOW))
    for caller in (ana, vera):
        assert "bo means the github account 77, since 2026-11-10T09:30:00.000Z" in caller.words("/rules/by-bo")

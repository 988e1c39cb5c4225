"""The preview on a rule's page in each state, the replayed line on demand, and what is refused."""

import json
import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from sync_service.domain.rules.rule_state import RuleState
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.example_okrs import Example
from tests.web.rules_seed import NETWORK, add_labelled_issues, add_rule
from tests.web.session_client import SessionClient, seen_words


@pytest.fixture(autouse=True)
def labelled_issues(services: Services, example: Example) -> None:
    """Add issues that rules can match."""
    add_labelled_issues(services, example)


def previewed(ana: SessionClient, *, path: str = "/rules/preview", on: str = "/rules/new", **fields: str) -> str:
    """Return the HTML of the preview of the form."""
    editing = {} if on == "/rules/new" else {"editing": on.rpartition("/")[2], "seen": "1"}
    return ana.submit(path, on=on, **(NETWORK | editing | fields)).text


def test_the_preview_of_a_proposing_rule_counts_proposals(ana: SessionClient) -> None:
    """No value changes."""
    words = seen_words(previewed(ana, state="proposing"))
    assert "None counts before the owner of the key result accepts it" in words
    assert "4 proposals would be made, 0 withdrawn." in words
    assert words.count("proposed") >= 4
    assert "unchanged" in words


def test_the_preview_of_a_draft_says_how_many_links_end(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """And what it would do if it were active."""
    add_rule(services, example, "network-label")
    words = seen_words(previewed(ana, on="/rules/network-label", state="draft"))
    assert "Saving it ends 4 links. This is what it would do if it were active." in words


def test_the_preview_of_a_narrowed_proposing_rule_names_withdrawn_proposals(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """One stays."""
    add_rule(services, example, "network-label", state=RuleState.PROPOSING)
    narrowed = {"row-1-field": "state", "row-1-operator": "is", "row-1-value": "done"}
    words = seen_words(previewed(ana, on="/rules/network-label", state="proposing", **narrowed))
    assert "0 proposals would be made, 3 withdrawn." in words
    assert "Move service 704" in words.partition("No longer proposed by this rule")[2]


def test_the_replayed_line_comes_on_demand(ana: SessionClient) -> None:
    """Without it there is a button; with it a chart with both lines, its words, and a table of each day."""
    assert "Show the line as it would have been" in previewed(ana)
    html = previewed(ana, path="/rules/preview?lines=1")
    words = seen_words(html)
    assert "The line of KR-6 as it would have been" in words
    assert "Show the line as it would have been" not in words
    found = re.search(r"data-figures='([^']*)'", html)
    assert found is not None
    figures = json.loads(found[1])
    assert len(figures["points"]) == len(figures["replayed"]) > 1
    assert figures["points"][-1][1:] == [None, "no data"]
    assert figures["replayed"][-1][1] == pytest.approx(33.33, abs=0.01)
    assert "Chart of KR-6: the value as it is, now no data, and as it would have been, now 33.33" in html
    assert "Day As it is As it would have been" in words


def test_without_a_script_the_button_shows_the_line_too(ana: SessionClient) -> None:
    """The form comes again with it; nothing is saved."""
    words = seen_words(ana.submit("/rules/new", on="/rules/new", **NETWORK, act="lines").text)
    assert "The line of KR-6 as it would have been" in words
    assert "No rule yet" in ana.words("/rules")


def test_the_preview_of_a_rule_toward_a_closed_cycle_says_that_it_is_refused(
    ana: SessionClient, services: Services
) -> None:
    """As saving does."""
    with writing(services.engine) as tx:
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        tx.execute(sa.update(tables.cycle).values(starts_at=begin, ends_at=begin.replace(month=4)))
    words = seen_words(previewed(ana))
    assert "The numbers of KR-6 are final: its cycle" in words
    assert "issues of 5 match" not in words

"""Search: what is found, in which order, in any letter case, and what is left out, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync_service.domain.search import LONGEST, MOST_WORDS, SearchWords
from sync_service.domain.text import folded
from sync_service.runtime.wiring import Services
from sync_service.store import tables as t
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.search.find import SearchResults, find
from sync_service.store.views.search.found import Kind
from sync_service.store.views.search.issues import issues
from tests.support.example_okrs import Example, find_examples, prepare_examples
from tests.support.run_scope import ALL
from tests.support.servers import Databases
from tests.support.services import NOW, add, add_issue, build_services
from tests.web.rules_seed import add_rule

pytestmark = pytest.mark.both_databases


@pytest.fixture
def services(databases: Databases, tmp_path: Path) -> Iterator[Services]:
    """Build the services on the example OKRs."""
    built = build_services(databases.prepared(prepare_examples), tmp_path)
    yield built
    built.engine.dispose()


@pytest.fixture
def ids(services: Services) -> Example:
    """Return the row ids of the example OKRs."""
    return find_examples(services)


def results(services: Services, written: str) -> SearchResults:
    """Return what a text finds."""
    with reading(services.engine) as tx:
        return find(tx, written, services.connectors)


def found(services: Services, written: str) -> dict[str, list[str]]:
    """Return the keys of what a text finds, by kind, the best group first."""
    return {group.kind.value: [one.key for one in group.items] for group in results(services, written).groups}


def new_issue(services: Services, ids: Example, key: str, title: str, **columns: object) -> int:
    """Add an issue of the connection acme-github."""
    with writing(services.engine) as tx:
        scope = tx.scalars(sa.select(t.scope.c.id).where(t.scope.c.connection_id == ids.github)).one()
        return add_issue(tx, ids.github, scope, key, title, **columns)


@pytest.mark.parametrize(
    ("written", "kind", "first"),
    [
        ("KR-1", "key_results", "KR-1"),
        ("kr-4", "key_results", "KR-4"),
        ("fast-checkout", "objectives", "fast-checkout"),
        ("paying", "objectives", "fast-checkout"),
        ("ben@example.com", "people", "ben@example.com"),
        ("okafor", "people", "ben@example.com"),
        ("Platform", "teams", "platform"),
        ("network-label", "rules", "network-label"),
        ("labels include network", "rules", "network-label"),
        ("acme/checkout#14", "issues", "acme/checkout#14"),
        ("ACME/Checkout#14", "issues", "acme/checkout#14"),
        ("acme-github:acme/checkout#14", "issues", "acme/checkout#14"),
        ("https://acme-github.example.com/acme/checkout/issues/14", "issues", "acme/checkout#14"),
        ("https://acme-github.example.com/acme/checkout/pull/14?x=1#issuecomment-5", "issues", "acme/checkout#14"),
        ("shop-3", "issues", "SHOP-3"),
        ("https://acme-jira.example.com/browse/SHOP-3", "issues", "SHOP-3"),
        ("#202", "issues", "acme/checkout#202"),
        ("bank transfer", "issues", "acme/checkout#14"),
    ],
)
def test_the_best_match_comes_first(services: Services, ids: Example, written: str, kind: str, first: str) -> None:
    """By slug, name, address, key or words, in any letter case; its group is the first."""
    add_rule(services, ids, "network-label")
    (group, *_) = results(services, written).groups
    assert (group.kind.value, group.items[0].key) == (kind, first)


def test_an_exact_name_comes_before_a_prefix_and_that_before_words(services: Services, ids: Example) -> None:
    """A prefix of keys: the shortest first; words: open issues before closed ones."""
    for number, title in ((3, "The text pay-10 in a title"), (1, "x"), (10, "y"), (100, "z")):
        new_issue(services, ids, f"pay-{number}", title)
    new_issue(services, ids, "pay-4", "An older text pay-10", state="done")
    assert found(services, "pay-10")["issues"] == ["pay-10", "pay-100", "pay-3", "pay-4"]


def test_letters_have_no_case_in_any_script(services: Services, ids: Example) -> None:
    """SQLite's own functions know ASCII only. Letters may be composed of several characters."""
    new_issue(services, ids, "a/b#1", "Überweisung in ΑΘΉΝΑΣ, Straße")
    new_issue(services, ids, "a/b#2", "Prix en franc\u0327ais")
    with writing(services.engine) as tx:
        tx.execute(sa.update(t.objective).where(t.objective.c.slug == "nasty").values(title="ПЛАТЁЖ"))
    for written in ("überweisung", "ÜBERWEISUNG", "αθήνας", "STRASSE", "U\u0308ber"):
        assert found(services, written) == {"issues": ["a/b#1"]}, written
    assert found(services, "FRANÇAIS") == {"issues": ["a/b#2"]}
    assert found(services, "платёж")["objectives"] == ["nasty"]


def test_each_group_is_bounded_and_says_that_there_is_more(services: Services, ids: Example) -> None:
    """Ten of each."""
    for number in range(12):
        new_issue(services, ids, f"a/many#{number}", "Plenty")
    (group,) = results(services, "plenty").groups
    assert (len(group.items), group.more) == (10, True)
    with reading(services.engine) as tx:
        (whole,) = find(tx, "plenty", services.connectors, kinds=[Kind.ISSUES], limit=100).groups
    assert (len(whole.items), whole.more) == (12, False)


def test_what_is_gone_or_being_removed_is_not_found(services: Services, ids: Example) -> None:
    """Issues that are gone, only named by others, of a removed scope or connection; OKRs that are being removed."""
    new_issue(services, ids, "a/b#1", "Hidden one", gone_reason="deleted")
    new_issue(services, ids, "a/b#2", "Hidden two", state=None)
    assert found(services, "hidden") == {}
    assert found(services, "a/b#1") == {}
    new_issue(services, ids, "a/b#3", "Hidden three")
    assert found(services, "hidden") == {"issues": ["a/b#3"]}
    with writing(services.engine) as tx:
        tx.execute(sa.update(t.scope).values(removed_at=NOW))
    assert found(services, "hidden") == {}
    with writing(services.engine) as tx:
        tx.execute(sa.update(t.scope).values(removed_at=None))
        tx.execute(sa.update(t.connection).values(removed_at=NOW))
        tx.execute(sa.update(t.objective).where(t.objective.c.slug == "fast-checkout").values(removed_at=NOW))
        tx.execute(sa.update(t.key_result).where(t.key_result.c.slug == "KR-4").values(removed_at=NOW))
    assert found(services, "hidden") == {}
    assert found(services, "effortless") == {}
    assert found(services, "kr-2") == {}
    assert found(services, "runbook") == {}


def test_an_issue_is_found_by_the_keys_it_had(services: Services, ids: Example) -> None:
    """It moved, or its repository was renamed."""
    issue_id = new_issue(services, ids, "acme/pay#7", "Moved", scope_external_id="900")
    with writing(services.engine) as tx:
        identity = tx.scalars(sa.select(t.issue.c.identity).where(t.issue.c.id == issue_id)).one()
        known = {"connection_id": ids.github, "identity": identity, "folded_key": "acme/old#3"}
        tx.execute(sa.insert(t.known_key).values(known))
        former = {"connection_id": ids.github, "external_id": "900", "folded_name": "acme/before"}
        tx.execute(sa.insert(t.former_scope_name).values(former))
    for written in ("acme/old#3", "https://acme-github.example.com/Acme/Before/issues/7", "acme/pay#7"):
        assert found(services, written) == {"issues": ["acme/pay#7"]}, written
    assert found(services, "acme/before#17") == {}


def test_an_issue_says_which_key_results_it_serves(services: Services, ids: Example) -> None:
    """Links that only wait to be accepted, or of a rule that is not in force, do not count."""
    issue_id = new_issue(services, ids, "a/b#1", "Serving")
    links = ((1, "manual", 1), (2, "proposed", 1), (3, "rule", 999), (1, "label", 0))
    with writing(services.engine) as tx:
        for number, origin, source in links:
            columns = {"issue_id": issue_id, "key_result_id": ids.key_results[f"KR-{number}"], "weight": 1.0}
            add(tx, t.link, **columns, origin=origin, source=source)
    ((one,),) = (group.items for group in results(services, "serving").groups)
    assert (list(one.serves), one.connection, one.state) == (["KR-1"], "acme-github", "todo")


def test_an_unknown_issue_says_where_it_was_searched(services: Services, ids: Example) -> None:
    """But not when something else is found."""
    assert ids
    assert results(services, "acme/checkout#9999").unknown == [("acme-github", "acme/checkout#9999")]
    assert results(services, "KR-1").unknown == []
    assert results(services, "no such words").unknown == []


@pytest.mark.parametrize("written", ["", "  ", "\x00", "\u202e", "\ud800\x00"])
def test_nothing_typed_finds_nothing(services: Services, written: str) -> None:
    """Control characters are nothing too."""
    assert found(services, written) == {}


@pytest.mark.parametrize("written", ["x" * 100_000, "a " * 50_000, "%" * 3000, "\x00" * 10 + "' OR 1=1 --", "\ud800"])
def test_long_and_hostile_texts_find_nothing(services: Services, written: str) -> None:
    """What is compared is bounded."""
    words = SearchWords.read(written)
    assert len(words.text) <= LONGEST
    assert len(words.words) <= MOST_WORDS
    found(services, written)


def test_search_takes_a_fixed_number_of_queries(services: Services, ids: Example) -> None:
    """However many things there are, and whatever is found."""
    counted: list[str] = []
    sa.event.listen(services.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    found(services, "acme/checkout#14")
    before = len(counted)
    for number in range(30):
        new_issue(services, ids, f"acme/checkout#14{number:03}", "acme/checkout#14")
    counted.clear()
    assert len(found(services, "acme/checkout#14")["issues"]) == 10
    assert len(counted) == before


TEXTS = st.text(alphabet="aAbB %_/\\'\"éÉßsİǅ\u0301-#1", max_size=8)


@pytest.mark.slow
def test_an_issue_is_found_exactly_when_its_key_and_title_have_all_words(services: Services, ids: Example) -> None:
    """Wildcards of LIKE and its escape characters stand for themselves."""

    @settings(max_examples=300 if ALL else 40, suppress_health_check=list(HealthCheck), deadline=None)
    @given(titles=st.lists(TEXTS, max_size=4), written=TEXTS)
    @example(titles=["100 %", "100 x", "a_b", "aXb", "a/b", "a\\b"], written="%")
    @example(titles=["100 %", "100 x", "a_b", "aXb", "a/b", "a\\b"], written="a_")
    @example(titles=["a/b", "a//b", "a%b"], written="/")
    @example(titles=["a\\b", "a\\%b", "a%b"], written="\\%")
    def check(titles: list[str], written: str) -> None:
        words = SearchWords.read(written)
        with services.engine.connect() as tx:
            scope = tx.scalars(sa.select(t.scope.c.id).where(t.scope.c.connection_id == ids.github)).one()
            tx.execute(sa.delete(t.issue))
            keys = {}
            for number, title in enumerate(titles):
                add_issue(tx, ids.github, scope, f"Z/z#9{number}", title)
                keys[f"Z/z#9{number}"] = title
            ranked = issues(tx, words, [], 10)
            tx.rollback()
        has_all = {
            key for key, title in keys.items() if all(one in folded(title) or one in key.lower() for one in words.words)
        }
        assert {one.key for _, one in ranked} == (has_all if words else set())
        for rank, one in ranked:
            if not words.text.removeprefix("#").isdecimal():
                assert (rank <= 1) == ((SearchWords.rank(words, [one.key], one.title) or 0) <= 1), one

    check()

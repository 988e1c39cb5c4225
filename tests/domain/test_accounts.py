"""A login means the account that had it when it was first seen."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.people.accounts import Login, People, Person, Sight, Site
from sync_service.domain.trackers.observations import Account
from tests.domain.factories import at

SITE, OTHER = Site("github", "https://api.github.com"), Site("github", "https://ghes.example/api/v3")
ANA, BO = Person("Ana Ruiz", may_link=True), Person("Bo Lind", may_link=True)
NAMED = {("github", "anaruiz"): ANA, ("github", "bo"): BO}


def test_an_unpinned_login_is_the_person_whose_it_is() -> None:
    """Whatever its case and id."""
    people = People(NAMED, {})
    assert people.find(SITE, Account("AnaRuiz", "AnaRuiz", "1")) == ANA
    assert people.find(SITE, Account("anaruiz", "anaruiz")) == ANA
    assert people.find(SITE, Account("mallory", "mallory", "9")) is None


def test_another_account_under_a_pinned_login_is_a_stranger() -> None:
    """Only at the site where it was pinned."""
    people = People(NAMED, {(SITE, "anaruiz"): "1"})
    stranger = Account("AnaRuiz", "AnaRuiz", "2")
    assert people.find(SITE, stranger) is None
    assert people.named_by(SITE, stranger) == ANA
    assert people.strangers([Sight(SITE, at(0), stranger), Sight(OTHER, at(0), stranger)]) == {(SITE, "anaruiz"): "2"}
    assert people.find(OTHER, stranger) == ANA


def test_a_renamed_account_is_still_the_person() -> None:
    """Even where somebody else's setting names its new login; and it pins no second login."""
    people = People(NAMED, {(SITE, "anaruiz"): "1"})
    assert people.find(SITE, Account("ana-new", "ana-new", "1")) == ANA
    assert people.find(SITE, Account("bo", "bo", "1")) == ANA
    assert people.unpinned([Sight(SITE, at(0), Account("bo", "bo", "1"))]) == {}


def test_an_account_without_an_id_is_known_by_its_login_alone() -> None:
    """Jira Cloud's account ids never change, and comments from before ids were kept have none."""
    people = People(NAMED, {(SITE, "anaruiz"): "1"})
    assert people.find(SITE, Account("anaruiz", "anaruiz")) == ANA
    assert People(NAMED, {}).unpinned([Sight(SITE, at(0), Account("anaruiz", "anaruiz"))]) == {}


logins = st.sampled_from(["anaruiz", "bo", "mallory"])
accounts = st.builds(lambda login, id_: Account(login, login, id_), logins, st.sampled_from("1234"))


@given(st.lists(accounts, max_size=12))
def test_no_account_is_two_people_and_a_person_stays_one_account(seen: list[Account]) -> None:
    """Compare with the rule written out: who had an unpinned login first is the person, for good."""
    pins: dict[Login, str] = {}
    owners: dict[str, Person] = {}
    for account in seen:
        assert account.stable_id is not None
        people = People(NAMED, pins)
        pins |= {login: pin.stable_id for login, pin in people.unpinned([Sight(SITE, at(0), account)]).items()}
        person = NAMED.get(("github", account.id))
        if person is not None and account.stable_id not in owners and person not in owners.values():
            owners[account.stable_id] = person
        assert People(NAMED, pins).find(SITE, account) == owners.get(account.stable_id)


def test_an_account_is_named_by_its_login_and_by_all_that_are_pinned_to_it() -> None:
    """A stranger has no name that a condition can name, and one without an id has its login."""
    people = People({}, {(SITE, "ana"): "1", (SITE, "ana-r"): "1"}, frozenset([(SITE, "ana")]))
    assert set(people.names(SITE, Account("Ana-New", "", "1"))) == {"ana-new", "ana", "ana-r"}
    assert people.names(SITE, Account("Ana", "", "2")) == ("\x002",)
    assert people.names(SITE, Account("Ana", "")) == ("ana",)
    assert people.names(OTHER, Account("Ana", "", "2")) == ("ana",)


@given(st.lists(st.tuples(logins, st.sampled_from("1234"), st.integers(0, 9)), max_size=9), st.permutations(range(9)))
def test_whom_a_named_login_means_does_not_depend_on_the_order(
    seen: list[tuple[str, str, int]], order: list[int]
) -> None:
    """It is the account that had it first by the tracker's time."""
    named = frozenset((SITE, login) for login in ("anaruiz", "bo"))
    pins: dict[Login, str] = {}
    times: dict[Login, datetime] = {}
    for number in order:
        for login, id_, second in seen[number : number + 1]:
            sight = Sight(SITE, at(second), Account(login, login, id_))
            people = People({}, pins, named, times)
            for one, pin in {**people.unpinned([sight]), **people.earlier([sight])}.items():
                pins[one], times[one] = pin.stable_id, pin.at
    first = {login: min((second, id_) for one, id_, second in seen if one == login)[1] for login, _, _ in seen}
    assert pins == {(SITE, login): id_ for login, id_ in first.items() if (SITE, login) in named}

"""A login means the account that had it when it was first seen."""

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.people.accounts import Login, People, Person, Site
from sync_service.domain.trackers.observations import Account

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
    assert people.named(SITE, stranger) == ANA
    assert people.strangers([(SITE, stranger), (OTHER, stranger)]) == {(SITE, "anaruiz"): "2"}
    assert people.find(OTHER, stranger) == ANA


def test_a_renamed_account_is_still_the_person() -> None:
    """Even where somebody else's setting names its new login; and it pins no second login."""
    people = People(NAMED, {(SITE, "anaruiz"): "1"})
    assert people.find(SITE, Account("ana-new", "ana-new", "1")) == ANA
    assert people.find(SITE, Account("bo", "bo", "1")) == ANA
    assert people.unpinned([(SITE, Account("bo", "bo", "1"))]) == {}


def test_an_account_without_an_id_is_known_by_its_login_alone() -> None:
    """Jira Cloud's account ids never change, and comments from before ids were kept have none."""
    people = People(NAMED, {(SITE, "anaruiz"): "1"})
    assert people.find(SITE, Account("anaruiz", "anaruiz")) == ANA
    assert People(NAMED, {}).unpinned([(SITE, Account("anaruiz", "anaruiz"))]) == {}


logins = st.sampled_from(["anaruiz", "bo", "mallory"])
accounts = st.builds(lambda login, id_: (SITE, Account(login, login, id_)), logins, st.sampled_from("1234"))


@given(st.lists(accounts, max_size=12))
def test_no_account_is_two_people_and_a_person_stays_one_account(seen: list[tuple[Site, Account]]) -> None:
    """Compare with the rule written out: who had an unpinned login first is the person, for good."""
    pins: dict[Login, str] = {}
    owners: dict[str, Person] = {}
    for one in seen:
        site, account = one
        assert account.stable_id is not None
        people = People(NAMED, pins)
        pins |= people.unpinned([one])
        person = NAMED.get(("github", account.id))
        if person is not None and account.stable_id not in owners and person not in owners.values():
            owners[account.stable_id] = person
        assert People(NAMED, pins).find(site, account) == owners.get(account.stable_id)

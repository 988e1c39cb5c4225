"""Which field is which: found once, remembered for an hour, and used for letters that name fields by id alone."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.api.field_catalogue import FRESH_SECONDS, STALE_SECONDS, FieldCatalogueCache, add_field_catalogue
from connectors.jira.model.requested_fields import MOST_NAMED, requested_fields
from sync_service.domain.trackers.connector import (
    Connection,
    ConnectorError,
    Gone,
    Refused,
    Rejected,
    Unavailable,
)
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Number, Snapshot
from tests.connectors.jira.parse_helpers import BY, catalogue_of, read, snapshot
from tests.connectors.jira.payloads import (
    EPIC_LINK,
    FIELDS,
    FLOAT,
    PARENT_LINK,
    SPRINT,
    STORY_POINTS,
    Json,
    connection,
    delivery,
    field,
    issue,
    item,
)


class Clock:
    """A monotonic clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.now


def failing(error: Exception) -> Callable[[], list[Json]]:
    """Give a site that fails so."""

    def ask() -> list[Json]:
        raise error

    return ask


def no_call() -> list[Json]:
    """Stand for a site that must not be asked."""
    raise AssertionError("the site was asked again")


def test_a_site_is_asked_once_an_hour() -> None:
    """For each connection, and for as long as it is reachable."""
    clock = Clock()
    catalogues = FieldCatalogueCache(clock)
    first = catalogues.fetch(BY, lambda: [STORY_POINTS])
    clock.now = FRESH_SECONDS - 1
    assert catalogues.fetch(BY, no_call) is first
    clock.now = FRESH_SECONDS
    assert catalogues.fetch(BY, failing(Unavailable("away"))) is first
    assert catalogues.fetch(BY, lambda: [SPRINT]).fields != first.fields
    assert catalogues.known(Connection(slug="other", site=BY.site)) is None


def test_what_is_known_of_fields_counts_as_unknown_after_a_day() -> None:
    """So that a letter asks for a look, and the look asks the site."""
    clock = Clock()
    catalogues = FieldCatalogueCache(clock)
    assert catalogues.known(BY) is None
    found = catalogues.fetch(BY, lambda: [STORY_POINTS])
    clock.now = STALE_SECONDS - 1
    assert catalogues.known(BY) is found
    clock.now = STALE_SECONDS
    assert catalogues.known(BY) is None


@pytest.mark.parametrize("error", [Gone("404", proven=False), Refused("403"), Rejected("400")])
def test_a_site_that_does_not_show_its_fields_is_read_without(error: ConnectorError) -> None:
    """Points come from changes that name the field, and nothing asks for a look again and again."""
    known = FieldCatalogueCache().fetch(BY, failing(error))
    assert known.problem == f"the site does not show its fields: {error}"
    seen = snapshot(issue(), item("Story Points", toString="5"), known=known)
    assert (seen.points, seen.points_known, seen.sprints, seen.parent) == (5, True, None, None)
    assert not snapshot(issue(), known=known).points_known
    named = connection("token", points_field="Story Points")
    assert not snapshot(issue(customfield_10026=3), by=named, known=known).points_known


def test_a_site_that_is_away_at_first_is_asked_again() -> None:
    """Nothing is known yet, so the look waits."""
    with pytest.raises(Unavailable):
        FieldCatalogueCache().fetch(BY, failing(Unavailable("away")))


@pytest.mark.parametrize(
    "row",
    [{}, {"id": 5}, {"id": "customfield_1"}, {"id": "customfield_x", "name": "X"}, {"id": "summary", "name": "Summary"},
     {"id": "customfield_1", "name": ""}],
)  # fmt: skip
def test_what_is_no_custom_field_is_left_out(row: Json) -> None:
    """Others have fixed names."""
    assert catalogue_of(row).fields == ()


@pytest.mark.parametrize("schema", [None, [], {"type": 5, "custom": 7}])
def test_a_field_of_unknown_type_is_no_number(schema: Any) -> None:
    """And of no type we know."""
    (found,) = catalogue_of({"id": "customfield_1", "name": "Story Points", "schema": schema, "scope": "odd"}).fields
    assert (found.is_number, found.custom, found.project) == (False, "", None)


def test_a_letter_asks_for_a_look_while_nothing_is_known_of_the_fields() -> None:
    """It counts at once all the same; without credentials, or where it holds no custom field, there is no use."""
    seen, look = read(issue(), known=None)
    assert isinstance(seen, Snapshot)
    assert isinstance(look, FetchNeeded)
    assert (look.identity, "by id only" in look.reason) == ("20012", True)
    assert len(read(issue(), known=None, by=connection())) == 1
    assert len(read(issue(customfield_10016=None), known=None)) == 1
    assert len(read(issue(), known=catalogue_of())) == 1


def test_points_of_a_letter_are_read_once_the_fields_are_known() -> None:
    """By id, though the letter tells no name."""
    assert snapshot(issue(customfield_10016=5)).points == 5
    assert snapshot(issue(customfield_10016=None, customfield_10026=8)).points == 8
    assert snapshot(issue(customfield_10016=None)).points_known
    german = catalogue_of(field(10016, "Story-Point-Schätzung", "com.pyxis.greenhopper.jira:jsw-story-points"))
    assert snapshot(issue(customfield_10016=5), known=german).points == 5


def test_fields_with_usual_ids_of_other_types_are_not_believed() -> None:
    """`customfield_10016` is another field on another site."""
    other = catalogue_of(field(10016, "Severity", FLOAT), field(10014, "Cost", FLOAT), field(10020, "Size", FLOAT))
    seen = snapshot(issue(customfield_10014="SHOP-1", customfield_10020=[{"id": 1, "name": "S"}]), known=other)
    assert (seen.points, seen.parent, seen.sprints) == (None, None, None)


def test_two_fields_that_tell_different_points_are_said_to_be_unclear() -> None:
    """People have to choose."""
    seen, unclear = read(issue(customfield_10016=5, customfield_10026=8), known=catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    assert not seen.points_known
    assert unclear == Ignored("two fields hold its points, 5 and 8: set points_field to the id of one")
    twice = catalogue_of(STORY_POINTS, field(10027, "story points", FLOAT))
    seen, unclear = read(issue(customfield_10026=8), item("Story Points", toString="8"), known=twice)
    assert isinstance(seen, Snapshot)
    assert not seen.points_known
    assert isinstance(unclear, Ignored)


def test_a_name_that_no_field_has_is_said_to_be_wrong() -> None:
    """Its points stay unknown."""
    by = connection("token", points_field="Story Pionts", number_fields=["Effort"])
    seen, points, effort = read(issue(), by=by, known=catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    assert (seen.points_known, seen.numbers) == (False, ())
    assert points == Ignored("points_field names Story Pionts, but no numeric field has this name")
    assert effort == Ignored("number_fields names Effort, but no numeric field has this name")


def test_numbers_are_read_by_id_and_by_name() -> None:
    """Each under the name that the connection gives it; ten at most, each once."""
    by = connection("token", number_fields=["customfield_10071", " Customers ", "customers ", *map(str, range(20))])
    known = catalogue_of(field(10072, "Customers", FLOAT), *(field(n, str(n), FLOAT) for n in range(20)))
    seen = snapshot(issue(customfield_10071=2.5, customfield_10072="many"), by=by, known=known)
    assert seen.numbers[:2] == (Number("customfield_10071", 2.5), Number("Customers", None))
    assert len(seen.numbers) == 10
    assert snapshot(issue(customfield_1=1), by=connection(number_fields="customfield_1")).numbers == (
        Number("customfield_1", 1.0),
    )


def test_a_number_whose_field_is_not_known_comes_from_its_changes() -> None:
    """As points do; what no change names is unknown."""
    by = connection(number_fields=["Effort", "Customers"])
    (seen,) = read(issue(), item("Effort", fieldtype="custom", toString="12"), by=by, known=None)
    assert isinstance(seen, Snapshot)
    assert seen.numbers == (Number("Effort", 12.0),)


def test_what_another_project_alone_has_is_none_here() -> None:
    """The field exists, so nothing is wrong with its name."""
    known = catalogue_of(field(10071, "Effort", FLOAT, project="10001"))
    assert snapshot(issue(), by=connection(number_fields=["Effort"]), known=known).numbers == ()


def test_so_many_fields_that_an_address_could_not_hold_them_are_asked_for_together() -> None:
    """Each team-managed project may have one of its own."""
    many = [field(number, "Story Points", FLOAT, project=str(number)) for number in range(1, MOST_NAMED + 2)]
    assert requested_fields(add_field_catalogue(BY, catalogue_of(*many))) == ("*all",)
    assert "customfield_60" in requested_fields(add_field_catalogue(BY, catalogue_of(*many[:MOST_NAMED])))
    known = catalogue_of(EPIC_LINK, PARENT_LINK)
    assert requested_fields(add_field_catalogue(BY, known))[-2:] == ("customfield_10014", "customfield_10018")


def test_a_connector_reads_by_what_its_own_looks_have_shown() -> None:
    """Another process learns by itself."""
    assert len(Jira().parse_delivery(delivery("jira:issue_updated", issue=issue(), items=[]), BY).observations) == 2

"""Field catalogue: read once, cached for an hour, and used for deliveries that name fields by id alone."""

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
        """Return the seconds."""
        return self.now


def failing(error: Exception) -> Callable[[], list[Json]]:
    """Return a site that fails with this error."""

    def call() -> list[Json]:
        raise error

    return call


def no_call() -> list[Json]:
    """Stand for a site that must not be called."""
    raise AssertionError("the site was asked again")


def test_a_site_is_called_once_an_hour() -> None:
    """For each connection, as long as it answers."""
    clock = Clock()
    catalogues = FieldCatalogueCache(clock)
    first = catalogues.fetch(BY, lambda: [STORY_POINTS])
    clock.now = FRESH_SECONDS - 1
    assert catalogues.fetch(BY, no_call) is first
    clock.now = FRESH_SECONDS
    assert catalogues.fetch(BY, failing(Unavailable("away"))) is first
    assert catalogues.fetch(BY, lambda: [SPRINT]).fields != first.fields
    assert catalogues.known(Connection(slug="other", site=BY.site)) is None


def test_the_field_catalogue_expires_after_a_day() -> None:
    """Then a delivery needs a fetch, and the fetch calls the site."""
    clock = Clock()
    catalogues = FieldCatalogueCache(clock)
    assert catalogues.known(BY) is None
    found = catalogues.fetch(BY, lambda: [STORY_POINTS])
    clock.now = STALE_SECONDS - 1
    assert catalogues.known(BY) is found
    clock.now = STALE_SECONDS
    assert catalogues.known(BY) is None


@pytest.mark.parametrize("error", [Gone("404", proven=False), Refused("403"), Rejected("400")])
def test_a_site_that_hides_its_fields_is_read_without(error: ConnectorError) -> None:
    """Points come from changelog items with the field's name, and no fetch is repeated for them."""
    known = FieldCatalogueCache().fetch(BY, failing(error))
    assert known.problem == f"the site does not show its fields: {error}"
    seen = snapshot(issue(), item("Story Points", toString="5"), known=known)
    assert (seen.points, seen.points_known, seen.sprints, seen.parent) == (5, True, None, None)
    assert not snapshot(issue(), known=known).points_known
    named = connection("token", points_field="Story Points")
    assert not snapshot(issue(customfield_10026=3), by=named, known=known).points_known


def test_an_unreachable_site_is_called_again() -> None:
    """The catalogue is still unknown, so the fetch waits."""
    with pytest.raises(Unavailable):
        FieldCatalogueCache().fetch(BY, failing(Unavailable("away")))


@pytest.mark.parametrize(
    "row",
    [{}, {"id": 5}, {"id": "customfield_1"}, {"id": "customfield_x", "name": "X"}, {"id": "summary", "name": "Summary"},
     {"id": "customfield_1", "name": ""}],
)  # fmt: skip
def test_standard_fields_are_left_out(row: Json) -> None:
    """They have fixed names."""
    assert catalogue_of(row).fields == ()


@pytest.mark.parametrize("schema", [None, [], {"type": 5, "custom": 7}])
def test_a_field_of_unknown_type_is_no_number(schema: Any) -> None:
    """It has none of the known types."""
    (found,) = catalogue_of({"id": "customfield_1", "name": "Story Points", "schema": schema, "scope": "odd"}).fields
    assert (found.is_number, found.custom, found.project) == (False, "", None)


def test_a_delivery_needs_a_fetch_while_the_catalogue_is_unknown() -> None:
    """It still counts at once. Without credentials or custom fields there is no fetch."""
    seen, fetch_needed = read(issue(), known=None)
    assert isinstance(seen, Snapshot)
    assert isinstance(fetch_needed, FetchNeeded)
    assert (fetch_needed.identity, "by id only" in fetch_needed.reason) == ("20012", True)
    assert len(read(issue(), known=None, by=connection())) == 1
    assert len(read(issue(customfield_10016=None), known=None)) == 1
    assert len(read(issue(), known=catalogue_of())) == 1


def test_a_delivery_has_points_once_the_catalogue_is_known() -> None:
    """By the field's id, although the delivery has no name."""
    assert snapshot(issue(customfield_10016=5)).points == 5
    assert snapshot(issue(customfield_10016=None, customfield_10026=8)).points == 8
    assert snapshot(issue(customfield_10016=None)).points_known
    german = catalogue_of(field(10016, "Story-Point-Schätzung", "com.pyxis.greenhopper.jira:jsw-story-points"))
    assert snapshot(issue(customfield_10016=5), known=german).points == 5


def test_a_usual_id_with_another_type_is_not_used() -> None:
    """`customfield_10016` is another field on another site."""
    other = catalogue_of(field(10016, "Severity", FLOAT), field(10014, "Cost", FLOAT), field(10020, "Size", FLOAT))
    seen = snapshot(issue(customfield_10014="SHOP-1", customfield_10020=[{"id": 1, "name": "S"}]), known=other)
    assert (seen.points, seen.parent, seen.sprints) == (None, None, None)


def test_two_fields_with_different_points_are_reported() -> None:
    """People have to choose one."""
    seen, unclear = read(issue(customfield_10016=5, customfield_10026=8), known=catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    assert not seen.points_known
    assert unclear == Ignored("two fields hold its points, 5 and 8: set points_field to the id of one")
    twice = catalogue_of(STORY_POINTS, field(10027, "story points", FLOAT))
    seen, unclear = read(issue(customfield_10026=8), item("Story Points", toString="8"), known=twice)
    assert isinstance(seen, Snapshot)
    assert not seen.points_known
    assert isinstance(unclear, Ignored)


def test_an_unknown_field_name_is_reported() -> None:
    """Its points stay unknown."""
    by = connection("token", points_field="Story Pionts", number_fields=["Effort"])
    seen, points, effort = read(issue(), by=by, known=catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    assert (seen.points_known, seen.numbers) == (False, ())
    assert points == Ignored("points_field names Story Pionts, but no numeric field has this name")
    assert effort == Ignored("number_fields names Effort, but no numeric field has this name")


def test_a_field_that_an_issue_does_not_show_is_unknown() -> None:
    """The account may no longer see it. Only an issue that moved to a project without the field has no points there."""
    known = catalogue_of(field(10016, "Story Points", FLOAT))
    bare = issue()
    del bare["fields"]["customfield_10016"]
    hidden = snapshot(bare, known=known)
    assert (hidden.points, hidden.points_known, hidden.numbers) == (None, False, ())
    empty = snapshot(issue(customfield_10016=None), known=known)
    assert (empty.points, empty.points_known) == (None, True)
    number = snapshot(bare, by=connection("token", number_fields=["customfield_10016"]), known=known)
    assert number.numbers == ()


def test_numbers_are_read_by_id_and_by_name() -> None:
    """Each has its configured name. At most ten fields, each once."""
    by = connection("token", number_fields=["customfield_10071", " Customers ", "customers ", *map(str, range(20))])
    known = catalogue_of(field(10072, "Customers", FLOAT), *(field(n, str(n), FLOAT) for n in range(20)))
    shown: dict[str, Any] = {"customfield_10071": 2.5, "customfield_10072": " "} | {
        f"customfield_{n}": None for n in range(20)
    }
    seen = snapshot(issue(**shown), by=by, known=known)
    assert seen.numbers[:2] == (Number("customfield_10071", 2.5), Number("Customers", None))
    assert len(seen.numbers) == 10
    assert snapshot(issue(customfield_1=1), by=connection(number_fields="customfield_1")).numbers == (
        Number("customfield_1", 1.0),
    )


def test_a_number_of_an_unknown_field_comes_from_the_changelog() -> None:
    """As for points. Without a changelog item it is unknown."""
    by = connection(number_fields=["Effort", "Customers"])
    (seen,) = read(issue(), item("Effort", fieldtype="custom", toString="12"), by=by, known=None)
    assert isinstance(seen, Snapshot)
    assert seen.numbers == (Number("Effort", 12.0),)


def test_a_field_of_another_project_has_no_value_here() -> None:
    """It exists, so its name is not reported as wrong."""
    known = catalogue_of(field(10071, "Effort", FLOAT, project="10001"))
    assert snapshot(issue(), by=connection(number_fields=["Effort"]), known=known).numbers == ()


def test_too_many_fields_for_a_url_are_requested_together() -> None:
    """Each team-managed project may have one of its own."""
    many = [field(number, "Story Points", FLOAT, project=str(number)) for number in range(1, MOST_NAMED + 2)]
    assert requested_fields(add_field_catalogue(BY, catalogue_of(*many))) == ("*all",)
    assert "customfield_60" in requested_fields(add_field_catalogue(BY, catalogue_of(*many[:MOST_NAMED])))
    known = catalogue_of(EPIC_LINK, PARENT_LINK)
    assert requested_fields(add_field_catalogue(BY, known))[-2:] == ("customfield_10014", "customfield_10018")


def test_a_connector_uses_the_catalogue_of_its_own_fetches() -> None:
    """Each process reads its own."""
    assert len(Jira().parse_delivery(delivery("jira:issue_updated", issue=issue(), items=[]), BY).observations) == 2


def test_a_field_is_found_by_its_name_before_translation_and_by_its_name_in_jql() -> None:
    """Jira shows names in the language of the token's account. The name that it shows wins."""
    german = {**field(10026, "Story-Punkte", FLOAT), "untranslatedName": "Story Points"}
    assert snapshot(issue(customfield_10016=None, customfield_10026=8), known=catalogue_of(german)).points == 8
    french = field(10026, "Points d'effort", FLOAT) | {"clauseNames": ["cf[10026]", "Story Points"]}
    assert snapshot(issue(customfield_10016=None, customfield_10026=8), known=catalogue_of(french)).points == 8
    shown = field(10027, "Story Points", FLOAT)
    assert snapshot(issue(customfield_10026=8, customfield_10027=3), known=catalogue_of(german, shown)).points == 3


@pytest.mark.parametrize(
    ("value", "points"), [("8", 8), ("2,5", 2.5), ({"id": "10100", "value": "5"}, 5), ({"value": 3}, 3), (None, None)]
)
def test_points_in_a_text_or_an_option_are_read(value: object, points: float | None) -> None:
    """By the usual name, by another name, and by id; also as another number."""
    select = field(10026, "Story Points", "com.atlassian.jira.plugin.system.customfieldtypes:select", kind="option")
    body, known = issue(customfield_10016=None, customfield_10026=value), catalogue_of(select)
    for by in (BY, connection("token", points_field="story points"), connection(points_field="customfield_10026")):
        assert (snapshot(body, by=by, known=known).points, snapshot(body, by=by, known=known).points_known) == (
            points,
            True,
        )
    assert snapshot(body, by=connection(number_fields=["customfield_10026"])).numbers == (
        Number("customfield_10026", points),
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [("XS", "XS"), ({"value": "L"}, "L"), ("1,000", "1,000"), ("1.000", "1.000"), ("3 points", "3 points"),
     (True, "True"), ([{"value": "1"}, {"value": "2"}], "[{"),
     ({"id": "1"}, "an object without a value"), (10**400, "1000")],
)  # fmt: skip
def test_points_that_can_not_be_read_are_unknown_and_said(value: object, shown: str) -> None:
    """They are not none: the points that were known before stay."""
    by = connection(points_field="customfield_10026", number_fields=["customfield_10026"])
    seen, points, number = read(issue(customfield_10026=value), by=by, known=catalogue_of(STORY_POINTS))
    assert isinstance(seen, Snapshot)
    assert (seen.points, seen.points_known, seen.numbers) == (None, False, ())
    assert isinstance(points, Ignored)
    assert isinstance(number, Ignored)
    assert f"its points are unknown: {shown}" in points.reason
    assert f"its customfield_10026 is unknown: {shown}" in number.reason


@pytest.mark.parametrize("value", [-1, 1e7])
def test_points_that_can_not_be_are_unknown_and_said(value: float) -> None:
    """Other numbers may be negative or large."""
    by = connection(points_field="customfield_10026", number_fields=["customfield_10026"])
    seen, points = read(issue(customfield_10026=value), by=by, known=catalogue_of(STORY_POINTS))
    assert isinstance(seen, Snapshot)
    assert (seen.points_known, seen.numbers) == (False, (Number("customfield_10026", value),))
    assert isinstance(points, Ignored)
    assert "its points can't be" in points.reason


def test_a_numeric_field_wins_over_a_text_with_the_same_name() -> None:
    """Somebody made the text for something else."""
    words = field(10030, "Story Points", "com.atlassian.jira.plugin.system.customfieldtypes:textfield", kind="string")
    known = catalogue_of(words, STORY_POINTS)
    assert snapshot(issue(customfield_10016=None, customfield_10026=8, customfield_10030="13"), known=known).points == 8

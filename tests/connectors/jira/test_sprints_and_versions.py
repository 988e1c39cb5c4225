"""Sprints, versions, components and parents of Jira issues, in each field and form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jira.api.field_catalogue import FieldCatalogue
from sync_service.domain.trackers.observations import Parent, ParsedDelivery, Snapshot, Term
from tests.connectors.contract_payloads import assert_storable
from tests.connectors.jira.parse_helpers import catalogue_of, read, snapshot
from tests.connectors.jira.payloads import FIELDS, SUMMARY, Json, connection, issue, item

SPRINTS = [
    {"id": 7, "name": "Sprint 7", "state": "closed", "boardId": 1},
    {"id": 8, "name": "Sprint 8", "state": "active", "boardId": 1},
]
ON_SERVER = (
    "com.atlassian.greenhopper.service.sprint.Sprint@1bf[id=7,rapidViewId=1,state=CLOSED,name=Sprint 7, late,"
    "startDate=2026-10-05T06:39:30.147Z,endDate=2026-10-19T06:59:30.147Z,completeDate=<null>,sequence=7,goal=,name=x]"
)


def test_sprints_are_parsed_from_objects_and_from_server_texts() -> None:
    """Open and closed ones. A name may have a comma, and a goal any text."""
    both = (Term("7", "Sprint 7"), Term("8", "Sprint 8"))
    assert snapshot(issue(customfield_10020=SPRINTS)).sprints == both
    assert snapshot(issue(customfield_10020=[*SPRINTS, SPRINTS[0], 5, None, {}])).sprints == both
    assert snapshot(issue(customfield_10020=[ON_SERVER])).sprints == (Term("7", "Sprint 7, late"),)
    assert snapshot(issue(customfield_10020=ON_SERVER)).sprints == (Term("7", "Sprint 7, late"),)
    bare = "Sprint@1[rapidViewId=1,id=9,state=ACTIVE,name=Nine]"
    assert snapshot(issue(customfield_10020=[bare])).sprints == (Term("9", "Nine"),)
    assert snapshot(issue(customfield_10020=None)).sprints == ()
    assert snapshot(issue()).sprints is None, "an issue that does not show the field may still be in one"


@pytest.mark.parametrize("odd", ["", "Sprint@1[", "[id=7,name=]", "[id=x,name=S]", "[name=S]", "x" * 100_000, 5, {}])
def test_an_unreadable_sprint_is_left_out(odd: Any) -> None:
    """A server may use another form."""
    assert snapshot(issue(customfield_10020=[odd])).sprints == ()


@pytest.mark.parametrize(
    ("new", "sprints"),
    [
        ({"to": "8", "toString": "Sprint 8"}, (Term("8", "Sprint 8"),)),
        ({"to": "7, 8", "toString": "Sprint 7, Sprint 8"}, (Term("7", "Sprint 7"), Term("8", "Sprint 8"))),
        ({"to": None, "toString": "Sprint 8"}, (Term("Sprint 8", "Sprint 8"),)),
        ({"to": "8", "toString": "Faster, please"}, (Term("8", "Faster, please"),)),
        ({"to": "7, 8", "toString": "Faster, please, Sprint 8"}, None),
        ({"to": None, "toString": "Sprint 7, Sprint 8"}, None),
        ({"to": "8", "toString": None}, None),
        ({"to": "", "toString": ""}, ()),
        ({}, ()),
    ],
)
def test_without_the_field_catalogue_the_changelog_has_the_sprints(
    new: dict[str, Any], sprints: tuple[Term, ...] | None
) -> None:
    """Without credentials there is no other source."""
    (seen,) = read(issue(), item("Sprint", **new), by=connection(), known=None)
    assert isinstance(seen, Snapshot)
    assert seen.sprints == sprints


def test_components_and_versions_are_read_by_id() -> None:
    """A missing field is unknown; an empty list means none."""
    planned = issue(components=[{"id": "31", "name": "App"}], fixVersions=[{"id": "902", "name": "2.0"}, {"id": "901"}])
    seen = snapshot(planned)
    assert (seen.components, seen.versions) == ((Term("31", "App"),), (Term("902", "2.0"),))
    assert (snapshot(issue()).components, snapshot(issue(components=[])).components) == (None, ())
    assert snapshot(issue(fixVersions=None)).versions == ()


@pytest.mark.parametrize(
    ("fields", "parent"),
    [
        ({"customfield_10014": "SHOP-1"}, Parent("SHOP-1")),
        ({"customfield_10018": "PLAN-1", "customfield_10014": None}, Parent("PLAN-1")),
        ({"customfield_10018": {"showField": False}, "customfield_10014": None}, Parent(None)),
        ({"customfield_10018": {"showField": False}, "customfield_10014": "?"}, None),
        ({"customfield_10018": {"data": {"id": 20009, "key": "PLAN-1"}}}, Parent("PLAN-1", "20009")),
        ({"customfield_10014": "SHOP-1", "parent": {"id": "20002", "key": "SHOP-2"}}, Parent("SHOP-2", "20002")),
        ({"customfield_10014": None}, Parent(None)),
    ],
)
def test_an_epic_is_a_parent_in_each_field(fields: Json, parent: Parent | None) -> None:
    """Data Center has it only in Epic Link and Parent Link. The issue's own parent overrides them."""
    assert snapshot(issue(**fields)).parent == parent


def test_a_delivery_without_the_link_fields_leaves_the_parent_unknown() -> None:
    """Cloud no longer sends them, and omits the parent both for none and for hidden."""
    bare = issue(without=("customfield_10014",))
    assert snapshot(bare).parent is None
    assert snapshot(bare, item("IssueParentAssociation", to=None)).parent == Parent(None)
    assert snapshot(issue(), item("Epic Link", to="20001", toString="SHOP-1")).parent == Parent("SHOP-1", "20001")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just(ON_SERVER),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "name", "key", "data", "value"]) | st.text(max_size=5), inner, max_size=4
        )
    ),
    max_leaves=12,
)
custom_values = st.fixed_dictionaries({one["id"]: json_values for one in FIELDS if one is not SUMMARY})


@pytest.mark.slow
@given(custom_values, json_values, json_values)
def test_any_field_value_can_be_stored(custom: Json, planned: Any, changed: Any) -> None:
    """Values come from plug-ins, and from any caller."""
    by = connection("token", number_fields=["Story Points", "customfield_10020"])
    items = [item(name, to=changed, toString=changed) for name in ("Sprint", "Story Points", "Epic Link")]
    for known in (catalogue_of(*FIELDS), FieldCatalogue(problem="none"), None):
        observations = read(issue(components=planned, fixVersions=planned, **custom), *items, by=by, known=known)
        assert_storable(ParsedDelivery(name="jira:issue_updated", observations=observations))

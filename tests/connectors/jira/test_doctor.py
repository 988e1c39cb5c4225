"""Doctor checks of a Jira connection, Cloud and Data Center: findings and remedies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

import connectors.jira
from connectors.http import HttpClient
from connectors.jira.setup.admin_webhook import LINKS
from connectors.jira.setup.dynamic_webhooks import COMMENTS, EVENTS
from connectors.jira.setup.webhook_filter import blocked_projects
from simulator import Jira, SteppedClock
from sync_service.domain.trackers.connector import Connection, OAuthClient
from sync_service.domain.trackers.diagnostics import Finding
from tests.connectors.jira.payloads import SITE, connection, field

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOOK = "https://okr.example.com/hooks/here"


@dataclass
class DoctorHarness:
    """A Jira, and the connector."""

    jira: Jira
    clock: SteppedClock

    def findings(
        self, *scopes: str, token: str = "", hooked: bool = True, writes_back: bool = False, **options: Any
    ) -> list[Finding]:
        """Check a connection, by default with the right token."""
        if not self.jira.data_center:
            options.setdefault("email", self.jira.email)
        plain = Connection(slug="here", site=self.jira.url, hook_url=HOOK, options=options)
        connection = replace(plain, token=token or self.jira.token, writes_back=writes_back)
        return list(
            connectors.jira.Jira(HttpClient(now=self.clock)).check_connection(connection, scopes=scopes, hooked=hooked)
        )

    def wrong(self, *scopes: str, **options: Any) -> list[tuple[str, bool | None, str]]:
        """Return the findings that are not well."""
        return [(one.what, one.well, one.says) for one in self.findings(*scopes, **options) if one.well is not True]


@pytest.fixture(params=["cloud", "data center"])
def harness(request: pytest.FixtureRequest) -> Iterator[DoctorHarness]:
    """Yield a Jira of each edition with a project and a webhook with our URL."""
    clock = SteppedClock(START)
    with Jira(data_center=request.param == "data center", clock=clock, background=False) as jira:
        jira.project("SHOP", "Shop")
        jira.add_hook(url=f"{HOOK}?from=jira")
        yield DoctorHarness(jira, clock)


def test_all_is_well(harness: DoctorHarness) -> None:
    """Each check has a finding."""
    options: dict[str, Any] = {"points_field": "customfield_10016", "dropped_resolutions": ["won’t do", "Duplicate"]}  # noqa: RUF001 - people write it so
    found = harness.findings("SHOP", **options)
    assert [one for one in found if one.well is not True or one.mend] == []
    texts = {one.what: one.says for one in found}
    assert texts["credentials"].startswith("accepted: ")
    assert "no time zone" in texts["time zone"]
    assert texts["SHOP"] == "can be read"
    assert texts["points_field"] == "Story Points (customfield_10016)"
    assert texts["dropped_resolutions"] == "all are at this site"
    assert texts["webhook"] == "sends to OKR Sync"


def test_refused_credentials_end_the_checks(harness: DoctorHarness) -> None:
    """The finding does not show them."""
    (one,) = harness.findings("SHOP", token="sesame")
    assert (one.what, one.well) == ("credentials", False)
    assert "401" in one.says
    assert "sesame" not in repr(one)


def test_an_unreadable_project_is_reported(harness: DoctorHarness) -> None:
    """Hidden, or without the permission."""
    assert [(what, well) for what, well, _ in harness.wrong("NOPE")] == [("NOPE", False)]
    harness.jira.denied.add("BROWSE_PROJECTS")
    assert harness.wrong("SHOP") == [("SHOP", False, "the account can't read its issues")]


def test_a_missing_points_field_is_reported_with_the_existing_ones(harness: DoctorHarness) -> None:
    """By id or by name. A name needs the field catalogue."""
    (one,) = [one for one in harness.findings(points_field="Size") if one.what == "points_field"]
    assert (one.well, one.says) == (False, "points_field names Size, but no numeric field has this name")
    assert "Story Points (customfield_10016)" in str(one.mend)
    assert [what for what, _, _ in harness.wrong(points_field="customfield_9")] == ["points_field"]
    (one,) = [one for one in harness.findings(points_field="story points") if one.what == "points_field"]
    assert (one.well, one.mend) == (True, "write the field's id: then webhooks suffice, without a fetch")
    found = harness.findings("SHOP", number_fields=["Story Points", "Size"])
    assert [(one.what, one.well) for one in found if one.what.startswith("number")] == [
        ("number_fields, Story Points", True),
        ("number_fields, Size", False),
    ]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["8", {"value": "5"}, None], "its values are read as numbers"),
        ([{"value": "XS"}, {"value": "8"}, {"value": "L"}], "values that are no numbers are unknown, such as XS, L"),
        ([], "no issue has a value to try"),
    ],
)
def test_a_points_field_that_is_no_numeric_one_is_reported_with_its_values(values: list[Any], says: str) -> None:
    """A select list, or a text: what is in it decides."""
    api, by = f"{SITE}/rest/api/3", connection("token", email="ana@example.com")
    found = [{"id": str(number), "fields": {"customfield_10026": value}} for number, value in enumerate(values, 1)]
    with responses.RequestsMock() as site:
        site.get(f"{api}/myself", json={"displayName": "Ana"})
        site.get(f"{api}/project/SHOP", json={"id": "10000", "key": "SHOP"})
        site.get(f"{api}/mypermissions", json={"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}})
        site.get(f"{api}/field", json=[field(10026, "Story Points", "select", kind="option")])
        asked = site.post(f"{api}/search/jql", json={"issues": found})
        findings = list(connectors.jira.Jira(HttpClient()).check_connection(by, scopes=["SHOP"], hooked=False))
    (one,) = [one for one in findings if one.what == "points_field"]
    assert one.well is (False if "unknown" in says else None)
    assert one.says == f"Story Points (customfield_10026); Story Points is no numeric field: {says}"
    assert b"cf[10026] is not EMPTY" in (asked.calls[0].request.body or b"")


def test_unknown_resolutions_are_reported(harness: DoctorHarness) -> None:
    """With the known ones."""
    wrong = harness.wrong(dropped_resolutions=["Duplicate", "Vanished"])
    assert wrong == [("dropped_resolutions", None, "not at this site: Vanished")]
    assert harness.wrong(dropped_resolutions="Duplicate") == []


def test_a_webhook_with_another_url_is_reported(harness: DoctorHarness) -> None:
    """Also one with too few events. Without administrator rights the webhook is unknown."""
    hook = harness.jira.hooks[0]
    links = LINKS if harness.jira.data_center else ()
    for well, missed in ((False, ("comment_deleted", "jira:issue_updated")), (None, ("comment_created", *links))):
        hook.events = tuple(event for event in (*EVENTS, *COMMENTS, *LINKS) if event not in missed)
        assert harness.wrong() == [("webhook", well, f"does not send {', '.join(missed)}")]
    harness.jira.hooks[0].url = "https://elsewhere.example.com"
    assert harness.wrong() == [("webhook", False, "no webhook sends to OKR Sync")]
    harness.jira.is_admin = False
    assert [(what, well) for what, well, _ in harness.wrong()] == [("webhook", None)]
    assert harness.wrong(hooked=False) == []


def test_a_filter_without_a_watched_project_is_reported(harness: DoctorHarness) -> None:
    """Data Center 10 shows no readable filter."""
    harness.jira.project("PAY", "Payments")
    harness.jira.hooks[0].projects = ("SHOP",)
    hidden = ("webhook", False, "its JQL filter blocks PAY")
    assert harness.wrong("SHOP", "PAY") == ([] if harness.jira.data_center else [hidden])
    assert harness.wrong("SHOP") == []
    harness.jira.version = "9.12.4"
    assert harness.wrong("SHOP", "PAY") == [hidden]
    harness.jira.project("ATTIC")
    harness.jira.hooks[0].projects = ("SHOP", "ATTIC")
    ((_, well, says),) = harness.wrong("SHOP", "PAY")
    assert (well, "does not contain the keys PAY" in says) == (None, True)


@pytest.mark.parametrize(
    ("jql", "hidden"),
    [
        ('project in ("SHOP", PAY)', []),
        ("project = shop", ["PAY"]),
        (' PROJECT IN ( "shop" ) ', ["PAY"]),
        ("project = SHOP AND labels = okr", []),
        ("project in projectsLeadByUser()", []),
        ("", []),
        (None, []),
        ({"jql": "project = X"}, []),
    ],
)
def test_only_a_filter_of_projects_is_checked(jql: Any, hidden: list[str]) -> None:
    """Any other may be intended."""
    assert blocked_projects(jql, ["SHOP", "PAY"]) == hidden


def test_clock_skew_is_reported(harness: DoctorHarness) -> None:
    """Our clock may be the wrong one."""
    theirs, harness.clock = harness.clock, SteppedClock(START + timedelta(minutes=2))
    assert theirs is not harness.clock
    assert harness.wrong() == [("clock", None, "Jira's clock and ours differ by 120 s")]


def test_a_broken_connection_to_the_tracker_is_a_finding(harness: DoctorHarness) -> None:
    """Earlier findings are kept."""
    found: list[Finding] = []
    connection = Connection(
        slug="here",
        site=harness.jira.url,
        token=harness.jira.token,
        options={} if harness.jira.data_center else {"email": harness.jira.email},
    )
    for one in connectors.jira.Jira(HttpClient(now=harness.clock)).check_connection(
        connection, scopes=["SHOP"], hooked=False
    ):
        found.append(one)
        harness.jira.rest.answer_next(502)
    assert (found[0].well, found[-1].well) == (True, False)
    assert "502" in found[-1].says


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """Prepare Jira's responses, with an accepted account."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/rest/api/3/myself", json={"displayName": "Bot"})
        mock.get("https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/myself", json={"displayName": "Bot"})
        yield mock


def findings_by_subject(*scopes: str, oauth: bool = False, **options: str) -> dict[str, Finding]:
    """Check a Cloud connection and return the findings by subject."""
    given: dict[str, Any] = {"client": OAuthClient("c", "s"), "site_id": "cloud-7"} if oauth else {}
    connection = Connection(
        slug="here", site=SITE, hook_url=HOOK, token="t", options={"email": "a@b.c"} | options, **given
    )
    found = connectors.jira.Jira().check_connection(connection, scopes=scopes, hooked=True)
    return {one.what: one for one in found}


def test_fields_with_the_same_name_are_reported_with_their_ids(answers: responses.RequestsMock) -> None:
    """So that a person can choose one."""
    fields = [{"id": f"customfield_{n}", "name": "Points", "schema": {"type": "number"}} for n in (1, 2)]
    answers.get(f"{SITE}/rest/api/3/field", json=fields)
    found = findings_by_subject(points_field="Points")["points_field"]
    assert found.well is False
    says = "several fields are called Points: set points_field to the id of one, customfield_1 or customfield_2"
    assert says in found.says


def test_unreadable_fields_are_a_finding(answers: responses.RequestsMock) -> None:
    """Fetches work without them."""
    answers.get(f"{SITE}/rest/api/3/field", status=403, json={})
    assert findings_by_subject(points_field="Points")["fields"].well is None


@pytest.mark.parametrize(
    ("project", "says"), [({"key": "STORE"}, "its key is STORE now"), ({"key": "SHOP", "archived": True}, "archived")]
)
def test_a_changed_project_is_reported(answers: responses.RequestsMock, project: dict[str, Any], says: str) -> None:
    """As a warning: it still works."""
    answers.get(f"{SITE}/rest/api/3/project/SHOP", json=project)
    may = {"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}}
    answers.get(f"{SITE}/rest/api/3/mypermissions", json=may)
    found = findings_by_subject("SHOP")["SHOP"]
    assert found.well is None
    assert says in found.says


@pytest.mark.parametrize(
    ("status", "body", "well", "says"),
    [
        (200, {"values": [{"url": HOOK, "events": [*EVENTS, *COMMENTS],
                           "expirationDate": "2026-12-20T10:00:00.000+0000"}]}, True, "until 2026-12-20"),
        (200, {"values": []}, False, "no webhook sends to OKR Sync"),
        (200, [{"url": HOOK, "enabled": False}], False, "is disabled"),
        (200, "nonsense", None, "can't list webhooks"),
        (403, {}, None, "can't list webhooks"),
    ],
)  # fmt: skip
def test_the_webhook_of_an_oauth_app_is_checked(
    answers: responses.RequestsMock, status: int, body: Any, well: bool | None, says: str  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    """The app may read the list of its webhooks."""
    answers.get("https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/webhook", json=body, status=status)
    found = findings_by_subject(oauth=True)["webhook"]
    assert found.well is well
    assert says in found.says


def test_only_the_first_of_many_projects_are_checked(
    answers: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finding says so."""
    monkeypatch.setattr("connectors.jira.doctor.connection.MOST_SCOPES", 0)
    assert findings_by_subject("SHOP")["projects"].well is None


def test_missing_write_permissions_are_reported_if_write_back_is_on(harness: DoctorHarness) -> None:
    """Links and comments need different permissions."""
    harness.jira.denied |= {"LINK_ISSUES", "EDIT_OWN_COMMENTS"}
    assert harness.wrong("SHOP") == []
    says = "the account can read its issues, but lacks permissions for write-back: Link Issues"
    assert harness.wrong("SHOP", writes_back=True) == [("SHOP", False, says)]
    says = "the account can read its issues, but lacks permissions for write-back: Link Issues, Edit Own Comments"
    assert harness.wrong("SHOP", writes_back=True, write_comments=True) == [("SHOP", False, says)]
    assert harness.wrong("SHOP", write_comments=True) == []

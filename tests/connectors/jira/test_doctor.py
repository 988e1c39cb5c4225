"""What an examination of a connection to Jira finds, on both faces, and what it says to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

import connectors.jira
from connectors.http import HttpClient
from connectors.jira.setup.dynamic_webhooks import COMMENTS, EVENTS
from connectors.jira.setup.webhook_filter import blocked_projects
from simulator import Jira, SteppedClock
from sync_service.domain.trackers.connector import Connection, OAuthClient
from sync_service.domain.trackers.diagnostics import Finding

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOOK = "https://okr.example.com/hooks/here"


@dataclass
class Surgery:
    """A Jira, and the connector."""

    jira: Jira
    clock: SteppedClock

    def findings(
        self, *scopes: str, token: str = "", hooked: bool = True, writes_back: bool = False, **options: Any
    ) -> list[Finding]:
        """Examine a connection, by default with the right token."""
        if not self.jira.data_center:
            options.setdefault("email", self.jira.email)
        plain = Connection(slug="here", site=self.jira.url, hook_url=HOOK, options=options)
        connection = replace(plain, token=token or self.jira.token, writes_back=writes_back)
        return list(
            connectors.jira.Jira(HttpClient(now=self.clock)).check_connection(connection, scopes=scopes, hooked=hooked)
        )

    def wrong(self, *scopes: str, **options: Any) -> list[tuple[str, bool | None, str]]:
        """Give what is not well."""
        return [(one.what, one.well, one.says) for one in self.findings(*scopes, **options) if one.well is not True]


@pytest.fixture(params=["cloud", "data center"])
def surgery(request: pytest.FixtureRequest) -> Iterator[Surgery]:
    """Give a Jira of either face with a project and a webhook that leads to us."""
    clock = SteppedClock(START)
    with Jira(data_center=request.param == "data center", clock=clock, background=False) as jira:
        jira.project("SHOP", "Shop")
        jira.add_hook(url=f"{HOOK}?from=jira")
        yield Surgery(jira, clock)


def test_all_is_well(surgery: Surgery) -> None:
    """Each part of it is said."""
    options: dict[str, Any] = {"points_field": "customfield_10016", "dropped_resolutions": ["won’t do", "Duplicate"]}  # noqa: RUF001 - people write it so
    found = surgery.findings("SHOP", **options)
    assert [one for one in found if one.well is not True or one.mend] == []
    said = {one.what: one.says for one in found}
    assert said["credentials"].startswith("accepted: ")
    assert "no time zone" in said["time zone"]
    assert said["SHOP"] == "can be read"
    assert said["points_field"] == "Story Points (customfield_10016)"
    assert said["dropped_resolutions"] == "all are at this site"
    assert said["webhook"] == "sends to OKR Sync"


def test_refused_credentials_end_it(surgery: Surgery) -> None:
    """Nothing of them is said."""
    (one,) = surgery.findings("SHOP", token="sesame")
    assert (one.what, one.well) == ("credentials", False)
    assert "401" in one.says
    assert "sesame" not in repr(one)


def test_a_project_that_can_t_be_read_is_told(surgery: Surgery) -> None:
    """Hidden altogether, or without the permission."""
    assert [(what, well) for what, well, _ in surgery.wrong("NOPE")] == [("NOPE", False)]
    surgery.jira.denied.add("BROWSE_PROJECTS")
    assert surgery.wrong("SHOP") == [("SHOP", False, "the account can't read its issues")]


def test_a_points_field_that_is_not_there_is_told_with_those_that_are(surgery: Surgery) -> None:
    """By id or by name; the name alone leads to a look."""
    (one,) = [one for one in surgery.findings(points_field="Size") if one.what == "points_field"]
    assert (one.well, one.says) == (False, "points_field names Size, but no numeric field has this name")
    assert "Story Points (customfield_10016)" in str(one.mend)
    assert [what for what, _, _ in surgery.wrong(points_field="customfield_9")] == ["points_field"]
    (one,) = [one for one in surgery.findings(points_field="story points") if one.what == "points_field"]
    assert (one.well, one.mend) == (True, "write the field's id: then webhooks suffice, without a fetch")
    found = surgery.findings("SHOP", number_fields=["Story Points", "Size"])
    assert [(one.what, one.well) for one in found if one.what.startswith("number")] == [
        ("number_fields, Story Points", True),
        ("number_fields, Size", False),
    ]


def test_resolutions_that_are_not_at_the_site_are_told(surgery: Surgery) -> None:
    """With those that are."""
    wrong = surgery.wrong(dropped_resolutions=["Duplicate", "Vanished"])
    assert wrong == [("dropped_resolutions", None, "not at this site: Vanished")]
    assert surgery.wrong(dropped_resolutions="Duplicate") == []


def test_a_webhook_that_does_not_lead_here_is_told(surgery: Surgery) -> None:
    """Nor one that hears too little; where the account is no administrator it can't be told."""
    hook = surgery.jira.hooks[0]
    for well, missed in ((False, ("comment_deleted", "jira:issue_updated")), (None, ("comment_created",))):
        hook.events = tuple(event for event in (*EVENTS, *COMMENTS) if event not in missed)
        assert surgery.wrong() == [("webhook", well, f"does not send {', '.join(missed)}")]
    surgery.jira.hooks[0].url = "https://elsewhere.example.com"
    assert surgery.wrong() == [("webhook", False, "no webhook sends to OKR Sync")]
    surgery.jira.is_admin = False
    assert [(what, well) for what, well, _ in surgery.wrong()] == [("webhook", None)]
    assert surgery.wrong(hooked=False) == []


def test_a_filter_that_leaves_out_what_is_watched_is_told(surgery: Surgery) -> None:
    """Data Center 10 shows none that could be read."""
    surgery.jira.project("PAY", "Payments")
    surgery.jira.hooks[0].projects = ("SHOP",)
    hidden = ("webhook", False, "its JQL filter blocks PAY")
    assert surgery.wrong("SHOP", "PAY") == ([] if surgery.jira.data_center else [hidden])
    assert surgery.wrong("SHOP") == []
    surgery.jira.version = "9.12.4"
    assert surgery.wrong("SHOP", "PAY") == [hidden]
    surgery.jira.project("ATTIC")
    surgery.jira.hooks[0].projects = ("SHOP", "ATTIC")
    ((_, well, says),) = surgery.wrong("SHOP", "PAY")
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
def test_a_filter_is_judged_only_where_it_names_projects_alone(jql: Any, hidden: list[str]) -> None:
    """Any other may be meant so."""
    assert blocked_projects(jql, ["SHOP", "PAY"]) == hidden


def test_clocks_that_differ_are_told(surgery: Surgery) -> None:
    """Ours may be the wrong one."""
    theirs, surgery.clock = surgery.clock, SteppedClock(START + timedelta(minutes=2))
    assert theirs is not surgery.clock
    assert surgery.wrong() == [("clock", None, "Jira's clock and ours differ by 120 s")]


def test_a_tracker_that_breaks_off_is_a_finding(surgery: Surgery) -> None:
    """What was found before stands."""
    found: list[Finding] = []
    connection = Connection(
        slug="here",
        site=surgery.jira.url,
        token=surgery.jira.token,
        options={} if surgery.jira.data_center else {"email": surgery.jira.email},
    )
    for one in connectors.jira.Jira(HttpClient(now=surgery.clock)).check_connection(
        connection, scopes=["SHOP"], hooked=False
    ):
        found.append(one)
        surgery.jira.rest.answer_next(502)
    assert (found[0].well, found[-1].well) == (True, False)
    assert "502" in found[-1].says


SITE = "https://acme.atlassian.net"


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """Answer for Jira, with an account that is accepted."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/rest/api/3/myself", json={"displayName": "Bot"})
        mock.get("https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/myself", json={"displayName": "Bot"})
        yield mock


def examined(*scopes: str, oauth: bool = False, **options: str) -> dict[str, Finding]:
    """Examine a Cloud connection; give what was found by what it is about."""
    given: dict[str, Any] = {"client": OAuthClient("c", "s"), "site_id": "cloud-7"} if oauth else {}
    connection = Connection(
        slug="here", site=SITE, hook_url=HOOK, token="t", options={"email": "a@b.c"} | options, **given
    )
    found = connectors.jira.Jira().check_connection(connection, scopes=scopes, hooked=True)
    return {one.what: one for one in found}


def test_fields_of_one_name_are_told_with_their_ids(answers: responses.RequestsMock) -> None:
    """So that one can be chosen."""
    fields = [{"id": f"customfield_{n}", "name": "Points", "schema": {"type": "number"}} for n in (1, 2)]
    answers.get(f"{SITE}/rest/api/3/field", json=fields)
    found = examined(points_field="Points")["points_field"]
    assert found.well is False
    says = "several fields are called Points: set points_field to the id of one, customfield_1 or customfield_2"
    assert says in found.says


def test_fields_that_are_not_shown_can_t_be_told(answers: responses.RequestsMock) -> None:
    """Looks go on without."""
    answers.get(f"{SITE}/rest/api/3/field", status=403, json={})
    assert examined(points_field="Points")["fields"].well is None


@pytest.mark.parametrize(
    ("project", "says"), [({"key": "STORE"}, "its key is STORE now"), ({"key": "SHOP", "archived": True}, "archived")]
)
def test_a_project_that_changed_is_told(answers: responses.RequestsMock, project: dict[str, Any], says: str) -> None:
    """It works, and is worth knowing."""
    answers.get(f"{SITE}/rest/api/3/project/SHOP", json=project)
    may = {"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}}
    answers.get(f"{SITE}/rest/api/3/mypermissions", json=may)
    found = examined("SHOP")["SHOP"]
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
def test_the_webhook_of_an_oauth_app_is_told(
    answers: responses.RequestsMock, status: int, body: Any, well: bool | None, says: str  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    """By the list that it may see."""
    answers.get("https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/webhook", json=body, status=status)
    found = examined(oauth=True)["webhook"]
    assert found.well is well
    assert says in found.says


def test_of_many_projects_only_the_first_are_looked_at(
    answers: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said."""
    monkeypatch.setattr("connectors.jira.doctor.connection.MOST_SCOPES", 0)
    assert examined("SHOP")["projects"].well is None


def test_a_project_whose_issues_can_not_be_written_on_is_told_where_that_is_wanted(surgery: Surgery) -> None:
    """To link takes a permission of its own, and to comment others."""
    surgery.jira.denied |= {"LINK_ISSUES", "EDIT_OWN_COMMENTS"}
    assert surgery.wrong("SHOP") == []
    says = "the account can read its issues, but lacks permissions for write-back: Link Issues"
    assert surgery.wrong("SHOP", writes_back=True) == [("SHOP", False, says)]
    says = "the account can read its issues, but lacks permissions for write-back: Link Issues, Edit Own Comments"
    assert surgery.wrong("SHOP", writes_back=True, write_comments=True) == [("SHOP", False, says)]
    assert surgery.wrong("SHOP", write_comments=True) == []

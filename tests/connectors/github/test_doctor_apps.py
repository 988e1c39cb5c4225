"""Doctor checks of a GitHub App and of projects with number fields."""

from collections.abc import Iterator

import pytest

from connectors.github.doctor import whole_list
from sync_service.domain.trackers import connector as domain
from tests.connectors.github.app_fixture import PERMISSIONS
from tests.connectors.github.doctor_fixture import EVENTS, DoctorFixture, open_harness


@pytest.fixture
def harness() -> Iterator[DoctorFixture]:
    """Yield the fixture."""
    with open_harness() as made:
        yield made


def test_an_app_is_checked_by_its_installations_and_its_webhook(harness: DoctorFixture) -> None:
    """All findings are well."""
    app = harness.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=harness.receiver.url, hook_secret="s")
    app.install()
    found = harness.findings("acme/checkout", app=domain.AppKey(str(app.id), app.pem))
    assert [one for one in found if one.well is not True] == []
    texts = {one.what: one.says for one in found}
    assert texts["credentials"] == "accepted: app okr-sync"
    assert texts["installation on acme"] == "has granted all that is needed"
    assert "deliveries arrived" in texts["webhook of the app"]


def test_what_an_app_lacks_is_reported(harness: DoctorFixture) -> None:
    """Permissions, events, and a webhook with our address."""
    app = harness.hub.create_app(permissions={}, events=["issues"], hook_url="https://elsewhere.example.com/x")
    given = {"app": domain.AppKey(str(app.id), app.pem)}
    wrong = harness.wrong(**given)
    assert [(what, well) for what, well, _ in wrong] == [
        ("permissions", False),
        ("events", False),
        ("installations", False),
        ("webhook of the app", False),
    ]
    assert wrong[0][2] == "the app does not request issues: read, pull_requests: read"
    assert wrong[3][2] == "sends to https://elsewhere.example.com/x, not to OKR Sync"
    installation = app.install()
    assert ("installation on acme", False, "has not granted issues: read, pull_requests: read") in harness.wrong(
        **given
    )
    installation.suspend()
    assert any(says.startswith("suspended since") for _, _, says in harness.wrong(**given))


def test_an_app_without_write_permission_is_reported_if_it_should_write(harness: DoctorFixture) -> None:
    """Once for the app, and once for each installation."""
    app = harness.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=harness.receiver.url, hook_secret="s")
    app.install()
    found = harness.wrong("acme/checkout", app=domain.AppKey(str(app.id), app.pem), writes_back=True)
    assert [(what, says) for what, _, says in found] == [
        ("permissions", "the app does not request issues: write, pull_requests: write"),
        ("installation on acme", "has not granted issues: write, pull_requests: write"),
    ]


@pytest.mark.slow
def test_an_installation_after_the_first_hundred_is_checked(
    harness: DoctorFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the bound is said, where there are more."""
    app = harness.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=harness.receiver.url, hook_secret="s")
    for _ in range(203):
        app.install([])
    app.installations[-1].suspend()
    given = {"app": domain.AppKey(str(app.id), app.pem)}
    assert [says[:15] for what, _, says in harness.wrong(**given) if what == "installation on acme"] == [
        "suspended since"
    ]
    monkeypatch.setattr(whole_list, "MOST_PAGES", 2)
    assert ("installations", None, "only the first 200 were checked; there are more") in harness.wrong(**given)


def test_an_unknown_app_is_reported(harness: DoctorFixture) -> None:
    """The finding says what to enter."""
    app = harness.hub.create_app(permissions=PERMISSIONS)
    (one,) = harness.findings(app=domain.AppKey("1", app.pem))
    assert (one.what, one.well) == ("credentials", False)
    assert ".pem" in str(one.mend)


def test_while_github_does_not_answer_nothing_is_said_about_the_app(harness: DoctorFixture) -> None:
    """Another key would not help."""
    app = harness.hub.create_app(permissions=PERMISSIONS)
    given = domain.AppKey(str(app.id), app.pem)
    harness.hub.stop()
    (one,) = harness.findings(app=given)
    assert (one.what, one.well, one.mend) == ("credentials", False, None)


def test_repositories_that_an_app_can_not_see_are_reported(harness: DoctorFixture) -> None:
    """Nothing else about them is."""
    app = harness.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=harness.receiver.url)
    app.install([harness.hub.repository("other")])
    wrong = harness.wrong("acme/hidden", app=domain.AppKey(str(app.id), app.pem))
    assert [(what, well) for what, well, _ in wrong] == [("acme/hidden", False)]


FINE = {"metadata": "read", "issues": "read", "pull_requests": "read", "repository_hooks": "read"}


@pytest.mark.slow
def test_unreadable_projects_are_reported_if_numbers_are_read(harness: DoctorFixture) -> None:
    """Once for each organization, as a warning. Without number fields there is no finding."""
    token = harness.hub.add_token("ana", permissions=FINE).text
    assert [what for what, _, _ in harness.wrong("acme/checkout", token=token, hooked=False)] == []
    harness.options["points_field"] = "Points"
    harness.hub.repository("payments")
    ((what, well, says),) = harness.wrong("acme/checkout", "acme/payments", token=token, hooked=False)
    assert (what, well) == ("projects of acme", None)
    assert "issue fields only" in says
    (one,) = [one for one in harness.findings("acme/checkout", token=token) if "projects" in one.what]
    assert one.mend
    assert "Projects: read-only" in one.mend
    token = harness.hub.add_token("ana", permissions={**FINE, "organization_projects": "read"}).text
    (one,) = [one for one in harness.findings("acme/checkout", token=token) if "projects" in one.what]
    assert (one.well, one.says) == (True, "can be read")


def test_owners_without_projects_are_skipped(harness: DoctorFixture) -> None:
    """GitHub sends no project deliveries of a person."""
    harness.options["points_field"] = "Points"
    harness.hub.repository("elsewhere/ledger")
    found = harness.findings("elsewhere/ledger", hooked=False)
    assert [one for one in found if "projects" in one.what] == []


def test_an_app_without_project_permission_is_reported(harness: DoctorFixture) -> None:
    """For each installation."""
    harness.options["points_field"] = "Points"
    for permissions, reported in ((PERMISSIONS, True), ({**PERMISSIONS, "organization_projects": "read"}, False)):
        app = harness.hub.create_app(permissions=permissions)
        app.install([harness.hub.repository("checkout")])
        found = harness.findings("acme/checkout", hooked=False, app=domain.AppKey(str(app.id), app.pem))
        assert any("issue fields only" in one.says for one in found) == reported


def test_number_fields_need_a_webhook_of_the_organization(harness: DoctorFixture) -> None:
    """A repository's webhook has no project events."""
    harness.options["points_field"] = "Points"
    assert harness.wrong("acme/checkout") == []
    harness.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    harness.hub.add_hook(url=harness.receiver.url, secret="s", events=[*EVENTS, "organization"])
    assert harness.wrong("acme/checkout") == [("webhook of acme", None, "does not send projects_v2_item")]

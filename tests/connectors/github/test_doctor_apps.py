"""What an examination finds of an app that calls GitHub, and of projects that numbers are to come from."""

from collections.abc import Iterator

import pytest

from sync_service.domain.trackers import connector as domain
from tests.connectors.github.app_fixture import PERMISSIONS
from tests.connectors.github.doctor_fixture import EVENTS, DoctorFixture, open_surgery


@pytest.fixture
def surgery() -> Iterator[DoctorFixture]:
    """Give the surgery."""
    with open_surgery() as made:
        yield made


def test_an_app_is_examined_by_its_installations_and_its_one_webhook(surgery: DoctorFixture) -> None:
    """All of it is well."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url, hook_secret="s")
    app.install()
    found = surgery.findings("acme/checkout", app=domain.AppKey(str(app.id), app.pem))
    assert [one for one in found if one.well is not True] == []
    said = {one.what: one.says for one in found}
    assert said["credentials"] == "accepted: app okr-sync"
    assert said["installation on acme"] == "has granted all that is needed"
    assert "deliveries arrived" in said["webhook of the app"]


def test_what_an_app_lacks_is_told(surgery: DoctorFixture) -> None:
    """Permissions, events, and a webhook that leads here."""
    app = surgery.hub.create_app(permissions={}, events=["issues"], hook_url="https://elsewhere.example.com/x")
    given = {"app": domain.AppKey(str(app.id), app.pem)}
    wrong = surgery.wrong(**given)
    assert [(what, well) for what, well, _ in wrong] == [
        ("permissions", False),
        ("events", False),
        ("installations", False),
        ("webhook of the app", False),
    ]
    assert wrong[0][2] == "the app does not request issues: read, pull_requests: read"
    assert wrong[3][2] == "sends to https://elsewhere.example.com/x, not to OKR Sync"
    installation = app.install()
    assert ("installation on acme", False, "has not granted issues: read, pull_requests: read") in surgery.wrong(
        **given
    )
    installation.suspend()
    assert any(says.startswith("suspended since") for _, _, says in surgery.wrong(**given))


def test_an_app_that_is_to_write_and_may_only_read_is_told(surgery: DoctorFixture) -> None:
    """On its own page, and by each installation."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url, hook_secret="s")
    app.install()
    found = surgery.wrong("acme/checkout", app=domain.AppKey(str(app.id), app.pem), writes_back=True)
    assert [(what, says) for what, _, says in found] == [
        ("permissions", "the app does not request issues: write, pull_requests: write"),
        ("installation on acme", "has not granted issues: write, pull_requests: write"),
    ]


def test_an_app_that_is_unknown_is_told(surgery: DoctorFixture) -> None:
    """With what to give."""
    app = surgery.hub.create_app(permissions=PERMISSIONS)
    (one,) = surgery.findings(app=domain.AppKey("1", app.pem))
    assert (one.what, one.well) == ("credentials", False)
    assert ".pem" in str(one.mend)


def test_what_an_app_can_t_see_is_told_of_each_repository(surgery: DoctorFixture) -> None:
    """And no more of it than that."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url)
    app.install([surgery.hub.repository("other")])
    wrong = surgery.wrong("acme/hidden", app=domain.AppKey(str(app.id), app.pem))
    assert [(what, well) for what, well, _ in wrong] == [("acme/hidden", False)]


FINE = {"metadata": "read", "issues": "read", "pull_requests": "read", "repository_hooks": "read"}


def test_projects_that_can_not_be_read_are_told_where_numbers_are_wanted(surgery: DoctorFixture) -> None:
    """Once for each organization; it is no fault, and of nobody's concern where no numbers are read."""
    token = surgery.hub.add_token("ana", permissions=FINE).text
    assert [what for what, _, _ in surgery.wrong("acme/checkout", token=token, hooked=False)] == []
    surgery.options["points_field"] = "Points"
    surgery.hub.repository("payments")
    ((what, well, says),) = surgery.wrong("acme/checkout", "acme/payments", token=token, hooked=False)
    assert (what, well) == ("projects of acme", None)
    assert "issue fields only" in says
    (one,) = [one for one in surgery.findings("acme/checkout", token=token) if "projects" in one.what]
    assert one.mend
    assert "Projects: read-only" in one.mend
    token = surgery.hub.add_token("ana", permissions={**FINE, "organization_projects": "read"}).text
    (one,) = [one for one in surgery.findings("acme/checkout", token=token) if "projects" in one.what]
    assert (one.well, one.says) == (True, "can be read")


def test_owners_without_projects_are_passed_over(surgery: DoctorFixture) -> None:
    """A person has none that GitHub would bring deliveries about."""
    surgery.options["points_field"] = "Points"
    surgery.hub.repository("elsewhere/ledger")
    found = surgery.findings("elsewhere/ledger", hooked=False)
    assert [one for one in found if "projects" in one.what] == []


def test_an_app_that_may_not_read_projects_is_told(surgery: DoctorFixture) -> None:
    """Of each installation."""
    surgery.options["points_field"] = "Points"
    for permissions, told in ((PERMISSIONS, True), ({**PERMISSIONS, "organization_projects": "read"}, False)):
        app = surgery.hub.create_app(permissions=permissions)
        app.install([surgery.hub.repository("checkout")])
        found = surgery.findings("acme/checkout", hooked=False, app=domain.AppKey(str(app.id), app.pem))
        assert any("issue fields only" in one.says for one in found) == told


def test_a_webhook_of_the_organisation_is_to_tell_of_projects_where_numbers_are_wanted(surgery: DoctorFixture) -> None:
    """A repository's can't."""
    surgery.options["points_field"] = "Points"
    assert surgery.wrong("acme/checkout") == []
    surgery.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    surgery.hub.add_hook(url=surgery.receiver.url, secret="s", events=[*EVENTS, "organization"])
    assert surgery.wrong("acme/checkout") == [("webhook of acme", None, "does not send projects_v2_item")]

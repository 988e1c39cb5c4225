"""GitHub Apps: authentication, permissions of installations, and webhooks."""

import re
from typing import Any

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import App, Installation
from simulator.github.model.app import new_key
from tests.simulator.conftest import SECRET
from tests.simulator.github.rest_client import app_jwt, call, create_token, page_url
from tests.simulator.openapi_schemas import check_answer
from tests.simulator.receiver import Receiver

ISSUE = "/repos/acme/checkout/issues/1"


@pytest.fixture
def app(hub: GitHub, receiver: Receiver) -> App:
    """Return an app that may write issues and gets them; after its ping."""
    app = hub.create_app(
        "OKR Sync!",
        permissions={"issues": "write", "pull_requests": "read"},
        events=["issues", "milestone"],
        hook_url=receiver.url,
        hook_secret=SECRET,
    )
    hub.repository("checkout").create_issue("Pay")
    receiver.forget()
    return app


@pytest.fixture
def installation(hub: GitHub, app: App, receiver: Receiver) -> Installation:
    """Return the app's installation on one repository, after its webhook."""
    installation = app.install([hub.repository("checkout")])
    receiver.forget()
    return installation


def test_a_new_app_is_pinged_with_its_id(hub: GitHub, receiver: Receiver) -> None:
    """The hook is of the type App and shows no secret."""
    app = hub.create_app(permissions={}, hook_url=receiver.url, hook_secret=SECRET)
    ping = receiver.last
    assert (ping["hook"]["type"], ping["hook"]["app_id"], ping["hook"]["config"]["secret"]) == (
        "App",
        app.id,
        "********",
    )
    assert {"repository", "installation", "organization"}.isdisjoint(ping)
    assert receiver.received[-1].headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert receiver.received[-1].headers["X-GitHub-Hook-Installation-Target-ID"] == str(app.id)


def test_an_app_proves_itself_by_client_id_or_app_id(hub: GitHub, app: App, installation: Installation) -> None:
    """And reads itself and its installations."""
    for issuer in (app.client_id, str(app.id)):
        about = check_answer(call(hub, "/app", token=app_jwt(app, iss=issuer)), "/app")
        assert (about["slug"], about["client_id"], about["installations_count"]) == ("okr-sync", app.client_id, 1)
    # The API description of the list wants an account to be a user and an enterprise at once; that of one is right.
    listed = call(hub, "/app/installations", token=app_jwt(app)).json()
    one = check_answer(
        call(hub, f"/app/installations/{installation.id}", token=app_jwt(app)),
        "/app/installations/{installation_id}",
    )
    assert listed == [one]
    assert (one["repository_selection"], one["account"]["login"], one["app_slug"]) == ("selected", "acme", "okr-sync")
    assert call(hub, "/app/installations/7", token=app_jwt(app)).status_code == 404


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"iat": -60, "exp": 0}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": 30}, 200, ""),
        ({"exp": 600}, 200, ""),
        ({"exp": 601}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"iat": 0}, 200, ""),
        ({"iat": 5}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": None}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iss": "Iv23someoneelse"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
    ],
)
def test_an_assertion_is_judged_by_the_simulator_s_clock(
    hub: GitHub, app: App, claims: dict[str, Any], status: int, message: str
) -> None:
    """Numbers are seconds from now."""
    now = int(hub.clock().timestamp())
    moved: dict[str, Any] = {name: now + at if isinstance(at, int) else at for name, at in claims.items()}
    answer = call(hub, "/app", token=app_jwt(app, **moved))
    assert answer.status_code == status
    assert message in answer.json().get("message", "")


def test_an_assertion_must_be_signed_with_the_app_s_key(hub: GitHub, app: App) -> None:
    """A text that is no JWT gets the same answer."""
    other = hub.create_app("Other", permissions={})
    forged = app_jwt(app, key=other.pem)
    for token in (forged, "nonsense", hub.token):
        answer = call(hub, "/app", token=token)
        assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")
    assert call(hub, "/user", token=app_jwt(app)).status_code == 401
    app.key = new_key()
    assert call(hub, "/app", token=forged).status_code == 401
    assert call(hub, "/app", token=app_jwt(app)).status_code == 200


def test_a_token_opens_what_the_installation_covers_for_an_hour(
    hub: GitHub, installation: Installation, clock: SteppedClock
) -> None:
    """Other repositories answer 404."""
    hub.repository("payments").create_issue("Secret")
    answer = create_token(installation)
    made = check_answer(answer, "/app/installations/{installation_id}/access_tokens")
    assert (made["expires_at"], made["repository_selection"]) == ("2026-11-23T11:00:00Z", "selected")
    assert made["permissions"] == {"metadata": "read", "issues": "write", "pull_requests": "read"}
    assert call(hub, ISSUE, token=made["token"]).status_code == 200
    assert call(hub, "/repos/acme/payments/issues/1", token=made["token"]).status_code == 404
    clock.step(3599)
    assert call(hub, ISSUE, token=made["token"]).status_code == 200
    clock.step(1)
    assert call(hub, ISSUE, token=made["token"]).status_code == 401


def test_a_token_has_the_present_form_or_the_former_one(hub: GitHub, installation: Installation) -> None:
    """Long, with dots, and the app's id in it; a header asks for either."""
    app = installation.app
    long = create_token(installation).json()["token"]
    assert len(long) == 520
    assert re.fullmatch(rf"ghs_{app.id}_[\w-]+\.[\w-]+\.[\w-]+", long)
    app.long_tokens = False
    assert re.fullmatch(r"ghs_\w{36}", create_token(installation).json()["token"])
    path = f"/app/installations/{installation.id}/access_tokens"
    payload = {"X_GitHub_Stateless_S2S_Token": "enabled"}
    again = call(hub, path, method="POST", token=app_jwt(app), **payload)
    assert len(again.json()["token"]) == 520


def test_a_token_can_be_made_for_less(hub: GitHub, app: App) -> None:
    """For some repositories by name or id, and some permissions; never for more than was granted."""
    checkout, payments = hub.repository("checkout"), hub.repository("payments")
    payments.create_issue("Receipt")
    installation = app.install()
    made = check_answer(
        create_token(installation, repositories=["Payments"], permissions={"issues": "read"}),
        "/app/installations/{installation_id}/access_tokens",
    )
    assert [repo["name"] for repo in made["repositories"]] == ["payments"]
    assert made["permissions"] == {"metadata": "read", "issues": "read"}
    assert call(hub, "/repos/acme/payments/issues/1", token=made["token"]).status_code == 200
    assert call(hub, ISSUE, token=made["token"]).status_code == 404
    assert create_token(installation, repository_ids=[checkout.id]).status_code == 201
    for limits, words in (
        ({"repositories": ["nowhere"]}, "at least one repository that does not exist"),
        ({"repository_ids": [1]}, "at least one repository that does not exist"),
        ({"repository_ids": [checkout.id] * 501}, "Validation Failed"),
        ({"permissions": {"contents": "read"}}, "permissions requested are not granted"),
        ({"permissions": {"pull_requests": "write"}}, "permissions requested are not granted"),
    ):
        refused = create_token(installation, **limits)
        assert refused.status_code == 422
        assert words in refused.json()["message"]


def test_a_fresh_token_may_not_be_known_everywhere_yet(hub: GitHub, installation: Installation) -> None:
    """It is refused as many times as set, and valid from then on."""
    installation.app.token_lag = 2
    token = create_token(installation).json()["token"]
    assert [call(hub, ISSUE, token=token).status_code for _ in range(4)] == [401, 401, 200, 200]


def test_a_suspended_installation_is_refused_and_gets_no_webhooks(
    hub: GitHub, installation: Installation, receiver: Receiver
) -> None:
    """Until it is unsuspended; both send a webhook."""
    token = create_token(installation).json()["token"]
    installation.suspend()
    assert receiver.last["installation"]["suspended_at"] == "2026-11-23T10:00:00Z"
    for answer in (create_token(installation), call(hub, ISSUE, token=token)):
        assert (answer.status_code, answer.json()["message"]) == (403, "This installation has been suspended")
    hub.repository("checkout").create_issue("Unheard")
    installation.unsuspend()
    assert call(hub, ISSUE, token=token).status_code == 200
    assert receiver.names == ["installation.suspend", "installation.unsuspend"]


def test_a_deleted_installation_is_gone(hub: GitHub, installation: Installation, receiver: Receiver) -> None:
    """Its tokens with it."""
    token = create_token(installation).json()["token"]
    installation.delete()
    assert (create_token(installation).status_code, call(hub, ISSUE, token=token).status_code) == (404, 401)
    hub.repository("checkout").create_issue("Unheard")
    assert receiver.names == ["installation.deleted"]


def test_an_app_can_suspend_and_delete_its_own_installation(
    hub: GitHub, installation: Installation, receiver: Receiver
) -> None:
    """By the same calls that GitHub has."""
    path, token = f"/app/installations/{installation.id}", app_jwt(installation.app)
    for method, suffix in (("PUT", "/suspended"), ("DELETE", "/suspended"), ("DELETE", "")):
        assert call(hub, path + suffix, method=method, token=token).status_code == 204
    assert receiver.names == ["installation.suspend", "installation.unsuspend", "installation.deleted"]
    assert receiver.last["sender"]["login"] == "okr-sync[bot]"


def test_an_app_gets_webhooks_of_its_installation(
    hub: GitHub, app: App, installation: Installation, receiver: Receiver
) -> None:
    """For its events, with the installation; other hooks get the same GUID without it."""
    checkout = hub.repository("checkout")
    hub.add_hook(checkout, url=receiver.url)
    receiver.forget()
    checkout.issues[1].close()
    for_app, for_hook = sorted(receiver.received, key=lambda each: "installation" not in each.json)
    assert for_app.json["installation"]["id"] == installation.id
    assert set(for_app.json) - set(for_hook.json) == {"installation"}
    assert for_app.headers["X-GitHub-Delivery"] == for_hook.headers["X-GitHub-Delivery"]
    hub.remove_hook(hub.hooks[-1])
    receiver.forget()
    hub.repository("payments").create_issue("Elsewhere")
    checkout.create_label("ui")
    assert receiver.names == []


def test_a_choice_of_repositories_can_change(hub: GitHub, installation: Installation, receiver: Receiver) -> None:
    """With a webhook, and also for tokens created before."""
    payments = hub.repository("payments")
    token = create_token(installation).json()["token"]
    installation.add(payments)
    assert [repo["full_name"] for repo in receiver.last["repositories_added"]] == ["acme/payments"]
    path = "/installation/repositories"
    found = check_answer(call(hub, path, token=token), path)
    assert ([repo["name"] for repo in found["repositories"]], found["total_count"]) == (["checkout", "payments"], 2)
    first_page = call(hub, f"{path}?per_page=1", token=token)
    assert len(call(hub, page_url(first_page), token=token).json()["repositories"]) == 1
    installation.remove(payments)
    assert [repo["full_name"] for repo in receiver.last["repositories_removed"]] == ["acme/payments"]
    assert call(hub, path, token=token).json()["total_count"] == 1
    with pytest.raises(ValueError, match="covers all repositories"):
        installation.app.install().remove(payments)
    assert call(hub, path).status_code == 403


def test_what_the_permissions_do_not_open_is_403_and_named(hub: GitHub, installation: Installation) -> None:
    """More can be granted later; tokens created from then on have it."""
    path = "/repos/acme/checkout/pulls/2"
    hub.repository("checkout").create_pull_request("Add cards")
    token = create_token(installation, permissions={"issues": "read"}).json()["token"]
    refused = call(hub, path, token=token)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "pull_requests=read"
    assert call(hub, "/user", token=token).status_code == 403
    installation.accept({"contents": "read"}, events=["label"])
    assert create_token(installation, permissions={"contents": "read"}).status_code == 201
    assert installation.events == ("issues", "milestone", "label")


def test_a_personal_token_opens_what_it_says(hub: GitHub, app: App, clock: SteppedClock) -> None:
    """Its person, its repositories, its permissions, its time."""
    hub.repository("payments").create_issue("Receipt")
    repositories = [hub.repository("checkout")]
    token = hub.add_token("bruno", permissions={"issues": "read"}, repositories=repositories, expires=clock())
    assert call(hub, ISSUE, token=token.text).status_code == 401
    clock.step(-1)
    assert call(hub, ISSUE, token=token.text).status_code == 200
    assert call(hub, "/user", token=token.text).json()["login"] == "bruno"
    assert call(hub, "/repos/acme/payments/issues/1", token=token.text).status_code == 404
    refused = call(hub, "/repos/acme/checkout/pulls/1", token=token.text)
    assert refused.json()["message"] == "Resource not accessible by personal access token"


def test_an_app_without_a_hook_gets_no_webhooks(hub: GitHub, receiver: Receiver) -> None:
    """It is installed all the same."""
    app = hub.create_app(permissions={"issues": "read"}, events=["issues"])
    installation = app.install()
    hub.repository("checkout").create_issue("Pay")
    assert (hub.deliveries, create_token(installation).status_code) == ([], 201)

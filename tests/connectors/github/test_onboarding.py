"""Onboarding of GitHub: the site, the account, the visible scopes, and the webhooks that we create."""

import json
from collections.abc import Iterator

import pytest
import responses

from connectors.github import GitHub
from connectors.github.api.credentials import TokenCredentials
from connectors.github.api.site import Site
from connectors.github.setup.create_webhooks import WebhookCreator
from connectors.github.setup.onboarding import pages_of
from connectors.http import HttpClient
from simulator import GitHub as Hub
from sync_service.domain.trackers.connector import AppKey, Connection, Refused, Rejected, Unavailable

API = "https://api.github.com"
CONNECTION = Connection(slug="gh", site=API, token="github_pat_x")
HOOK = "https://okr.example.com/hooks/gh"


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Yield a GitHub with a repository."""
    with Hub(background=False) as running:
        running.repository("checkout")
        yield running


@pytest.mark.parametrize(
    ("typed", "site", "pages"),
    [
        ("https://github.com", API, "https://github.com"),
        (" https://api.github.com/ ", API, "https://github.com"),
        ("https://www.GitHub.com/acme/checkout", API, "https://github.com"),
        ("https://acme.ghe.com/", "https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("https://git.acme.example", "https://git.acme.example/api/v3", "https://git.acme.example"),
        (
            "https://git.acme.example:8443/api/v3/",
            "https://git.acme.example:8443/api/v3",
            "https://git.acme.example:8443",
        ),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090", "http://127.0.0.1:8090"),
    ],
)
def test_the_site_is_found_from_any_of_its_urls(typed: str, site: str, pages: str) -> None:
    """A page or the API, in both directions."""
    assert GitHub().normalize_site(typed) == site
    assert pages_of(site) == pages


@pytest.mark.parametrize("typed", ["", "https://[", "nonsense"])
def test_an_invalid_url_is_returned_unchanged(typed: str) -> None:
    """The caller reports the error."""
    assert GitHub().normalize_site(typed) == typed


@pytest.mark.parametrize(
    ("held", "lacks"),
    [
        ("", ()),
        ("repo, gist", ()),
        ("public_repo", ("read private repositories (repo)", "create webhooks (admin:repo_hook)")),
        ("public_repo, admin:repo_hook", ("read private repositories (repo)",)),
    ],
)
def test_a_classic_token_names_its_missing_scopes(
    github: responses.RequestsMock, held: str, lacks: tuple[str, ...]
) -> None:
    """GitHub does not list the permissions of a fine-grained token."""
    github.get(f"{API}/user", json={"login": "anaruiz"}, headers={"X-OAuth-Scopes": held} if held else {})
    found = GitHub().identify(CONNECTION)
    assert (found.name, tuple(found.missing_permissions), found.install_url) == ("anaruiz", lacks, None)


def test_unusable_credentials_are_refused(github: responses.RequestsMock) -> None:
    """A response without a login, and a connection without credentials."""
    github.get(f"{API}/user", json={})
    with pytest.raises(Refused, match="does not say whose"):
        GitHub().identify(CONNECTION)
    with pytest.raises(Refused, match="no token"):
        GitHub().identify(Connection(slug="gh", site=API))


def test_an_app_shows_its_name_missing_permissions_and_installations(hub: Hub) -> None:
    """An owner may revoke permissions at GitHub."""
    app = hub.create_app("Reader", permissions={"issues": "read"})
    found = GitHub().identify(Connection(slug="gh", site=hub.api_url, app=AppKey(app.client_id, app.pem)))
    assert (found.name, tuple(found.missing_permissions)) == ("Reader", ("pull_requests: read",))
    assert found.install_url == f"{hub.url}/apps/reader/installations/new"
    writing = Connection(slug="gh", site=hub.api_url, app=AppKey(app.client_id, app.pem), writes_back=True)
    assert tuple(GitHub().identify(writing).missing_permissions) == ("issues: write", "pull_requests: write")


def test_repositories_are_listed_up_to_a_limit(github: responses.RequestsMock) -> None:
    """Page by page. Invalid rows are skipped, and no page beyond the limit is read."""
    full = [{"full_name": f"acme/r{number}", "description": None} for number in range(100)]
    github.get(f"{API}/user/repos", json=full)
    github.get(f"{API}/user/repos", json=[*full[:99], {"full_name": 7}])
    found = GitHub().list_scopes(CONNECTION, most=200)
    assert (len(found.scopes), found.more) == (199, True)
    assert found.scopes[0] == ("acme/r0", "")


def test_an_app_lists_the_repositories_of_all_installations_up_to_a_limit(hub: Hub) -> None:
    """A suspended installation has none; a new installation is seen at once."""
    app = hub.create_app(permissions={"issues": "read", "pull_requests": "read"})
    github = GitHub()
    connection = Connection(slug="gh", site=hub.api_url, app=AppKey(app.client_id, app.pem))
    assert github.list_scopes(connection, most=10).scopes == []
    other = hub.repository("umbrella/ledger")
    app.install()
    away = app.install(account=other.owner)
    assert [name for name, _ in github.list_scopes(connection, most=10).scopes] == ["acme/checkout", "umbrella/ledger"]
    assert github.list_scopes(connection, most=1).more
    away.suspend()
    assert [name for name, _ in github.list_scopes(connection, most=10).scopes] == ["acme/checkout"]


def test_a_webhook_that_exists_meanwhile_is_updated_and_not_doubled(github: responses.RequestsMock) -> None:
    """Two people may press the button at once."""
    hooks = f"{API}/repos/acme/checkout/hooks"
    exists = {"message": "Validation Failed", "errors": [{"message": "Hook already exists on this repository"}]}
    github.get(hooks, json=[])
    github.post(hooks, json=exists, status=422)
    github.get(hooks, json=[{"id": 9, "config": {"url": HOOK}}])
    github.patch(f"{hooks}/9", json={})
    (made,) = GitHub().create_webhooks(CONNECTION, scopes=["acme/checkout"], hook_url=HOOK, secret="s")
    assert (made.made, made.says) == (True, "its webhook existed and was updated")
    sent = json.loads(github.calls[-1].request.body or "{}")
    assert sent["config"] == {"url": HOOK, "content_type": "json", "secret": "s", "insecure_ssl": "0"}
    assert sent["active"] is True


def test_a_webhook_that_github_refuses_is_reported_in_its_words(github: responses.RequestsMock) -> None:
    """For example a URL that is not public."""
    hooks = f"{API}/repos/acme/checkout/hooks"
    words = {"message": "Validation Failed", "errors": [{"message": "url is not supported because it isn't reachable"}]}
    github.get(hooks, json=[])
    github.post(hooks, json=words, status=422)
    github.post(hooks, json=words, status=422)
    github.get(hooks, json=[])
    (made,) = GitHub().create_webhooks(CONNECTION, scopes=["acme/checkout"], hook_url=HOOK, secret="s")
    assert not made.made
    assert "isn't reachable" in made.says


def test_a_rate_limit_is_no_missing_permission_and_ends_the_run(github: responses.RequestsMock) -> None:
    """A 403 may be either. After a rate limit no further webhook is requested."""
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Resource": "core"}
    github.get(f"{API}/repos/acme/a/hooks", json={"message": "Resource not accessible"}, status=403)
    github.get(f"{API}/repos/acme/b/hooks", json={"message": "API rate limit exceeded"}, status=403, headers=limit)
    made = GitHub().create_webhooks(CONNECTION, scopes=["acme/a", "acme/b", "acme/c"], hook_url=HOOK, secret="s")
    assert [one.made for one in made] == [False] * 3
    assert "Webhooks: read and write" in made[0].says
    assert "limits the rate" in made[1].says
    assert made[1].says == made[2].says


def test_the_webhook_of_an_app_is_configured_by_api(hub: Hub) -> None:
    """One webhook for everything that the app sees. Without one there is a manual step."""
    app = hub.create_app(permissions={"issues": "read"}, hook_url="http://127.0.0.1:9/old", hook_secret="old")
    connection = Connection(slug="gh", site=hub.api_url, app=AppKey(app.client_id, app.pem))
    (made,) = GitHub().create_webhooks(connection, scopes=["a/b", "c/d"], hook_url=HOOK, secret="new")
    assert made.made
    assert app.hook is not None
    assert (app.hook.url, app.hook.secret) == (HOOK, "new")
    bare = hub.create_app("Bare", permissions={"issues": "read"})
    with pytest.raises(Rejected, match="has no webhook"):
        GitHub().create_webhooks(
            Connection(slug="gh", site=hub.api_url, app=AppKey(bare.client_id, bare.pem)),
            scopes=[],
            hook_url=HOOK,
            secret="new",
        )


def test_an_incomplete_app_is_refused(github: responses.RequestsMock) -> None:
    """Nothing is stored partly. An Enterprise Server's app uses its number."""
    whole = {"id": 7, "client_id": "Iv23x", "name": "OKR", "pem": " KEY\n", "webhook_secret": None}
    site = "https://git.acme.example/api/v3"
    for url in (API, site):
        github.post(f"{url}/app-manifests/abc/conversions", json=whole, status=201)
    github.post(f"{API}/app-manifests/def/conversions", json={**whole, "pem": ""}, status=201)
    github.post(f"{API}/app-manifests/ghi/conversions", json={**whole, "id": None}, status=201)
    github.post(f"{API}/app-manifests/jkl/conversions", status=503)
    connector = GitHub(HttpClient())
    made = connector.exchange_app_code(site=API, code="abc")
    assert (made.app, made.secret) == (AppKey("Iv23x", "KEY"), None)
    assert connector.exchange_app_code(site=site, code="abc").app.id == "7"
    assert "Authorization" not in github.calls[0].request.headers
    for code in ("def", "ghi", "../x", ""):
        with pytest.raises(Rejected):
            connector.exchange_app_code(site=API, code=code)
    with pytest.raises(Unavailable):
        connector.exchange_app_code(site=API, code="jkl")


def test_the_webhook_secret_is_in_no_message() -> None:
    """In no error and no log line."""
    http = HttpClient()
    made = WebhookCreator(credentials=TokenCredentials("t"), site=Site(http, API), http=http, url=HOOK, secret="s3same")
    assert HOOK in repr(made)
    assert "s3same" not in repr(made)

"""A base URL with a path: every address that we write is below it, whether or not a proxy removes it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs.mails import open_mail
from sync_service.store.people.auth import create_api_token
from sync_service.web.app import create_app
from tests.support.example_okrs import Example, find_examples, prepare_examples, sign_in_path
from tests.support.servers import SqliteDatabases
from tests.support.services import build_services
from tests.web.session_client import TOKEN

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BASE = "https://example.com/okr"
ADDRESS = re.compile(r'\s(?:href|src|action|data-[a-z-]+)="(/[^"]*)"')
PAGES = (
    "/",
    "/key-results/KR-1",
    "/key-results/KR-3",
    "/rules",
    "/rules/new",
    "/connections",
    "/connections/acme-github",
    "/connections/acme-jira",
    "/connections/new/github/token",
    "/connections/new/jira/consent",
    "/deliveries",
    "/mailbox",
    "/sign-in/none",
    "/api/v1/docs",
    "/no-such-page",
)


@pytest.fixture
def services(sqlite: SqliteDatabases, tmp_path: Path) -> Iterator[Services]:
    """Build the services of an installation below a path."""
    built = build_services(
        sqlite.prepared(prepare_examples), tmp_path, OKR_SYNC_BASE_URL=BASE, OKR_SYNC_ALLOW_PRIVATE_SITES=True
    )
    yield built
    built.engine.dispose()


@pytest.fixture
def example(services: Services) -> Example:
    """Return the row ids of the example OKRs."""
    return find_examples(services)


class Visitor:
    """A browser that reaches the service over TLS; the proxy before it removes the path from each request, or not."""

    def __init__(self, services: Services, *, removed: bool) -> None:
        app = create_app(services)
        served = app.wsgi_app

        def proxy(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            assert environ["PATH_INFO"].startswith("/okr/")
            path = environ["PATH_INFO"].removeprefix("/okr" if removed else "")
            return served({**environ, "PATH_INFO": path, "wsgi.url_scheme": "https"}, start_response)

        app.wsgi_app = proxy  # type: ignore[method-assign]  # as in Flask's documentation
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        """Request an address below the path."""
        return self.client.get(f"/okr{path}", base_url="https://example.com", headers=headers)

    def submit(self, path: str, *, on: str, **fields: str) -> TestResponse:
        """Request the page `on`, and send a form with its CSRF token."""
        found = TOKEN.search(self.get(on).text)
        assert found, f"no form on {on}"
        return self.client.post(
            f"/okr{path}",
            data={"csrf_token": found[1], **fields},
            base_url="https://example.com",
            headers={"Origin": "https://example.com"},
        )

    def sign_in(self, services: Services, person_id: int) -> None:
        """Sign in by a link."""
        path = sign_in_path(services, person_id)
        response = self.submit(path, on=path)
        assert (response.status_code, response.location) == (302, "/okr/")


@pytest.fixture(params=[True, False], ids=["removed", "kept"])
def visitor(request: pytest.FixtureRequest, services: Services) -> Visitor:
    """Return a browser, behind each kind of proxy."""
    return Visitor(services, removed=request.param)


@pytest.mark.slow
def test_every_address_on_every_page_is_below_the_path(visitor: Visitor, services: Services, example: Example) -> None:
    """Links, forms, scripts, styles, pictures and what scripts fetch."""
    visitor.sign_in(services, example.ana)
    for page in PAGES:
        response = visitor.get(page)
        assert response.status_code == (404 if page == "/no-such-page" else 200), page
        addresses = ADDRESS.findall(response.text)
        assert addresses, page
        assert [one for one in addresses if not one.startswith("/okr/")] == [], page


def test_the_sessions_cookie_is_sent_below_the_path_only(visitor: Visitor) -> None:
    """Another application of the same host does not get it."""
    cookie = visitor.get("/sign-in").headers["Set-Cookie"]
    assert "Path=/okr;" in f"{cookie};"
    assert "Secure" in cookie


def test_signing_in_returns_to_the_requested_page(visitor: Visitor, services: Services, example: Example) -> None:
    """The page's path is kept without the path of the base URL, and sent with it."""
    assert visitor.get("/key-results/KR-2?x=1").location == "/okr/sign-in?next=/key-results/KR-2?x%3D1"
    visitor.submit("/sign-in", on="/sign-in", email="ben@example.com", next="/key-results/KR-2")
    path = sign_in_path(services, example.ben)
    assert visitor.submit(path, on=path).location == "/okr/key-results/KR-2"
    assert visitor.get("/sign-in?next=/key-results/KR-2").location == "/okr/key-results/KR-2"
    assert visitor.submit("/sign-out", on="/").location == "/okr/sign-in"


def test_a_mailed_link_has_the_path_once(visitor: Visitor, services: Services, example: Example) -> None:
    """It comes from the base URL."""
    assert visitor.submit("/sign-in", on="/sign-in", email="ben@example.com").status_code == 200
    with reading(services.engine) as tx:
        opened = open_mail(tx, services.sealer, tx.scalars(sa.select(tables.mail.c.id)).one())
    assert opened is not None
    link = re.search(r"https://example\.com/okr(/sign-in/[\w-]+)", opened.text)
    assert link
    assert "/okr/okr" not in opened.text + opened.html
    assert visitor.submit(link[1], on=link[1]).location == "/okr/"


def test_addresses_for_trackers_have_the_path_once(visitor: Visitor, services: Services, example: Example) -> None:
    """The webhook's address, and where a tracker sends people back."""
    visitor.sign_in(services, example.ana)
    assert f"{BASE}/hooks/acme-github" in visitor.get("/connections/acme-github").text
    form = visitor.get("/connections/new/jira/consent").text
    assert f"{BASE}/connections/jira/consented" in form
    fields = {
        "slug": "new-one",
        "name": "OKR",
        "site": "http://127.0.0.1:9",
        "owner": "ana@example.com",
        "earlier": "ignore",
    }
    made = visitor.submit("/connections/new/github/app", on="/connections/new/github/app", **fields)
    assert made.status_code == 200, made.text
    assert f"{BASE}/connections/github/created" in made.text
    assert "/okr/okr" not in form + made.text


def test_webhooks_health_and_the_api_are_below_the_path(visitor: Visitor, services: Services) -> None:
    """The API's links and its document too."""
    assert visitor.client.post("/okr/hooks/acme-github", data=b"{}").status_code in (401, 503)
    assert visitor.get("/healthz").status_code == 200
    with writing(services.engine) as tx:
        token = create_api_token(tx, name="t", role="viewer", now=services.now())
    first = visitor.get("/api/v1/key-results?limit=2", Authorization=f"Bearer {token}")
    assert first.headers["Link"].startswith(f"<{BASE}/api/v1/key-results?")
    missing = visitor.get("/api/v1/key-results/none", Authorization=f"Bearer {token}")
    assert missing.get_json()["instance"] == "/okr/api/v1/key-results/none"
    assert visitor.get("/api/v1/openapi.json").get_json()["servers"] == [{"url": "/okr"}]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/rules/rules", {}, 302),
        ("/rules", {"X-Forwarded-Prefix": "/rules"}, 302),
        ("/rules/healthz", {}, 200),
        ("/healthz", {"X-Forwarded-Prefix": "/rules"}, 200),
        ("/healthz", {}, 200),
    ],
)
def test_a_path_that_begins_like_one_of_ours_needs_the_header_when_it_is_removed(
    sqlite: SqliteDatabases, tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    """Otherwise nobody could tell the page `/rules` from the path."""
    services = build_services(
        sqlite.prepared(prepare_examples), tmp_path, OKR_SYNC_BASE_URL="http://example.com/rules", OKR_SYNC_PROXY_HOPS=1
    )
    response = create_app(services).test_client().get(path, headers=headers)
    services.engine.dispose()
    assert response.status_code == status
    assert status == 200 or response.location == "/rules/sign-in?next=/rules"


def test_a_header_gives_no_path(services: Services) -> None:
    """Nor does what the server says: only the settings do."""
    client = create_app(services).test_client()
    response = client.get("/", headers={"X-Forwarded-Prefix": "/evil"}, environ_overrides={"SCRIPT_NAME": "/evil"})
    assert response.location == "/okr/sign-in"
    assert client.get("/okra/healthz").status_code == 404

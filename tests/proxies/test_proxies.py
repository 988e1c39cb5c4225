"""Signing in, pages, forms, mails, API and webhooks behind nginx and HAProxy, as the documentation sets them up."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs.mails import open_mail
from sync_service.store.people.auth import create_api_token
from sync_service.web.app import create_app
from tests.notify.servers import certificate
from tests.support.example_okrs import close_issue, find_examples, prepare_examples, sign_in_path
from tests.support.proxies import ABSENT, Kind, PathMode, Proxy, can_be_had, free_port, running
from tests.support.run_scope import ALL
from tests.support.servers import SqliteDatabases
from tests.support.services import build_services
from tests.support.wsgi_server import serving
from tests.web.session_client import TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_be_had(), reason=ABSENT)]

ADDRESS = re.compile(r'\s(?:href|src)="([^"#]+)')
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]*)"', re.IGNORECASE)
HOPS = {"OKR_SYNC_PROXY_HOPS": 1}


@dataclass(slots=True)
class Site:
    """The service behind a proxy, at its base URL, and a browser with its cookies."""

    base: str
    services: Services
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers send them."""
        url = urlsplit(self.base)
        return f"{url.scheme}://{url.netloc}"

    def get(self, path: str) -> requests.Response:
        """Request a page, following redirects."""
        return self.session.get(self.base + path, timeout=10)

    def submit(self, path: str, *, on: str, **fields: str) -> requests.Response:
        """Send the form `path` of the page `on` as a browser does; its address comes from the page."""
        page = self.get(on)
        found = TOKEN.search(page.text)
        actions = [urljoin(page.url, unescape(one)) for one in FORM.findall(page.text)]
        assert found
        assert not actions or self.base + path in actions, (path, actions)
        headers = {"Origin": self.origin, "Referer": page.url}
        form = {"csrf_token": found[1], **fields}
        return self.session.post(self.base + path, data=form, headers=headers, timeout=10)

    def sign_in(self, name: str) -> requests.Response:
        """Sign in by a link."""
        path = sign_in_path(self.services, getattr(find_examples(self.services), name))
        return self.submit(path, on=path)


@contextmanager
def served(
    sqlite: SqliteDatabases, directory: Path, kind: Kind, mode: PathMode, *, tls: bool = True, says_prefix: bool = False
) -> Iterator[Site]:
    """Serve the example OKRs behind a proxy on another port than 443."""
    port, path = free_port(), "" if mode == "none" else "/okr"
    base = f"https://localhost:{port}{path}" if tls else f"http://127.0.0.1:{port}{path}"
    services = build_services(sqlite.prepared(prepare_examples), directory, OKR_SYNC_BASE_URL=base, **HOPS)
    if tls:
        certificate(directory)
    with serving(create_app(services)) as address:
        proxy = Proxy(
            kind=kind,
            port=port,
            upstream=urlsplit(address).netloc,
            mode=mode,
            says_prefix=says_prefix,
            tls=directory if tls else None,
        )
        with running(proxy, directory):
            site = Site(base, services)
            site.session.verify = str(directory / "cert.pem")
            site.session.trust_env = False
            yield site
            site.session.close()
    services.engine.dispose()


@pytest.fixture(params=["nginx", "haproxy"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each kind of proxy."""
    chosen: Kind = request.param
    return chosen


PATHS = ("kept", "removed, with the header", "none", "removed", "kept, with the header")


@pytest.fixture(params=PATHS if ALL else PATHS[:2])
def site(request: pytest.FixtureRequest, sqlite: SqliteDatabases, tmp_path: Path, kind: Kind) -> Iterator[Site]:
    """Serve the example behind each kind of proxy, without a path and below one."""
    mode, _, header = request.param.partition(", ")
    with served(sqlite, tmp_path, kind, mode, says_prefix=bool(header)) as running_site:
        yield running_site


def test_signing_in_works_on_another_port_than_443(site: Site) -> None:
    """And returns to the page that was requested; the cookie is for this path and TLS only."""
    page = site.get("/key-results/KR-2")
    assert urlsplit(page.url).path.endswith("/sign-in")
    assert site.submit("/sign-in", on="/sign-in?next=/key-results/KR-2", email="ben@example.com").status_code == 200
    signed_in = site.sign_in("ben")
    assert signed_in.url == f"{site.base}/"
    assert "Ben Okafor" in signed_in.text
    cookies: list[Any] = list(site.session.cookies)
    (cookie,) = cookies
    assert (cookie.path, cookie.secure) == (urlsplit(site.base).path or "/", True)
    again = site.get("/sign-in?next=/key-results/KR-2")
    assert (again.url, again.status_code) == (f"{site.base}/key-results/KR-2", 200)


def test_every_address_on_the_pages_works(site: Site) -> None:
    """Pages, styles, scripts and pictures, also those that the styles name."""
    site.sign_in("ana")
    found = {"/", "/key-results/KR-1", "/connections/acme-github", "/api/v1/docs"}
    addresses: set[str] = set()
    for path in found:
        page = site.get(path)
        assert page.status_code == 200, path
        addresses |= {urljoin(page.url, unescape(one)) for one in ADDRESS.findall(page.text)}
    ours = {one for one in addresses if urlsplit(one).netloc == urlsplit(site.base).netloc}
    assert len(ours) > 20
    for one in sorted(ours):
        response = site.session.get(one, timeout=10)
        assert (response.status_code, response.url.startswith(f"{site.base}/")) == (200, True), one
        if response.headers["Content-Type"].startswith("text/css"):
            for name in re.findall(r"url\(['\"]?(?!data:|#)([^'\")]+)", response.text):
                assert site.session.get(urljoin(one, name), timeout=10).status_code == 200, name


def test_forms_mails_api_and_webhooks_work(site: Site) -> None:
    """A check-in, a mailed link, a page of a list, a delivery and a health check."""
    site.sign_in("ben")
    checked_in = site.submit("/key-results/KR-3/check-ins", on="/key-results/KR-3", value="64", note="")
    assert (checked_in.status_code, checked_in.url) == (200, f"{site.base}/key-results/KR-3")
    assert site.submit("/sign-out", on="/").url == f"{site.base}/sign-in"
    assert site.submit("/sign-in", on="/sign-in", email="ben@example.com").status_code == 200
    with reading(site.services.engine) as tx:
        opened = open_mail(tx, site.services.sealer, tx.scalars(sa.select(tables.mail.c.id)).one())
    assert opened is not None
    (link,) = set(re.findall(r"https://\S+/sign-in/[\w-]+", opened.text))
    assert link.startswith(f"{site.base}/sign-in/")
    path = link.removeprefix(site.base)
    assert site.submit(path, on=path).url == f"{site.base}/"
    with writing(site.services.engine) as tx:
        token = create_api_token(tx, name=secrets.token_hex(4), role="viewer", now=site.services.now())
    bearer = {"Authorization": f"Bearer {token}"}
    first = site.session.get(f"{site.base}/api/v1/key-results?limit=2", headers=bearer, timeout=10)
    following = site.session.get(first.links["next"]["url"], headers=bearer, timeout=10)
    assert [one["slug"] for one in following.json()["items"]] == ["KR-3", "KR-4"]
    assert site.session.post(f"{site.base}/hooks/acme-github", data=b"{}", timeout=10).status_code in (401, 503)
    assert site.get("/healthz").json() == {"status": "ok"}


def test_a_form_of_another_site_is_refused_behind_a_proxy(site: Site) -> None:
    """Also from the same host on another port."""
    found = TOKEN.search(site.get("/sign-in").text)
    assert found
    form = {"csrf_token": found[1], "email": "ben@example.com"}
    for origin in ("https://localhost", "https://evil.example.com"):
        response = site.session.post(f"{site.base}/sign-in", data=form, headers={"Origin": origin}, timeout=10)
        assert response.status_code == 400
        assert origin in response.text


@pytest.mark.only_in_test_all(mode="removed")
@pytest.mark.parametrize("mode", ["kept", "removed"])
def test_a_page_below_a_path_works_in_a_browser(
    sqlite: SqliteDatabases, tmp_path: Path, kind: Kind, mode: PathMode, page: Page
) -> None:
    """It signs in, shows its style, and changes while it is open. Nothing that it requests is missing."""
    with served(sqlite, tmp_path, kind, mode, tls=False) as site:
        missing: list[str] = []
        page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
        example = find_examples(site.services)
        page.goto(site.base + sign_in_path(site.services, example.ana))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.base}/")
        page.goto(f"{site.base}/key-results/KR-5")
        before = page.locator("#live").inner_text()
        close_issue(site.services, "acme/checkout#201", example.key_results["KR-5"])
        expect(page.locator("#live")).not_to_have_text(before, use_inner_text=True)
        page.goto("about:blank")
        assert missing == []

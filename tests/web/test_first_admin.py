"""The first person names themselves by the link of the first start, and nothing else is open until then."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import auth, first_admin
from tests.support.example_okrs import sign_in_path
from tests.support.services import add, add_person
from tests.web.session_client import SessionClient, seen_words

OPEN_AT_FIRST = {"static", "health.healthz", "health.readyz", "first_admin.wait", "first_admin.ask", "first_admin.name"}


@pytest.fixture
def link(services: Services) -> str:
    """Return the path of a link for the first admin."""
    return new_link(services)


def new_link(services: Services) -> str:
    """Make a link as a start does, and return its path."""
    with writing(services.engine) as tx:
        token = first_admin.renew_link(tx, services.now())
    assert token
    return f"/first-admin/{token}"


def people(services: Services) -> list[tuple[str, str, str]]:
    """Return address, name and role of everybody."""
    with reading(services.engine) as tx:
        rows = tx.execute(sa.select(tables.person.c.email, tables.person.c.name, tables.person.c.role))
        return [(row.email, row.name, row.role) for row in rows]


def use(client: FlaskClient, path: str, name: str = "Ana Ruiz", email: str = "ana@example.com") -> int:
    """Fill in the form of the link; return the status."""
    return SessionClient(client).submit(path, on=path, name=name, email=email).status_code


@pytest.mark.both_databases
def test_the_first_person_names_themselves_and_is_a_signed_in_admin(
    anonymous: FlaskClient, services: Services, link: str
) -> None:
    """The page after it is for admins, and the audit log says how they came."""
    answer = SessionClient(anonymous).submit(link, on=link, name=" Ana Ruiz ", email=" Ana@Example.com ")
    assert (answer.status_code, answer.location) == (302, "/")
    assert people(services) == [("ana@example.com", "Ana Ruiz", "admin")]
    assert "You are the first admin." in anonymous.get("/").text
    assert anonymous.get("/connections/new").status_code == 200
    with reading(services.engine) as tx:
        entry = tx.execute(sa.select(tables.audit)).one()
    assert entry.what.startswith("became the first admin by the link of the first start\n")


def test_until_somebody_is_named_nothing_else_is_open(app: Flask, anonymous: FlaskClient) -> None:
    """Each route and method leads to the page that says where the link is, or is refused; so is an unknown page."""
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= OPEN_AT_FIRST
    app.config["WTF_CSRF_ENABLED"] = False  # otherwise it would refuse forms before
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if rule.endpoint in OPEN_AT_FIRST:
                continue
            answer = anonymous.open(re.sub(r"<[^>]*>", "1", rule.rule), method=method)
            redirected = (answer.status_code, answer.location) == (302, "/first-admin")
            assert redirected or answer.status_code in (401, 403), (method, rule.rule)
    assert anonymous.get("/nothing").location == "/first-admin"
    assert "it printed a link" in seen_words(anonymous.get("/first-admin").text)


def test_a_token_made_on_the_server_works_before_anybody_is_named(anonymous: FlaskClient, services: Services) -> None:
    """Whoever makes one there may do anything; a job may compare files before people come."""
    with writing(services.engine) as tx:
        token = auth.create_api_token(tx, name="job", role="viewer", now=services.now())
    answer = anonymous.get("/api/v1/key-results", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert anonymous.get("/api/v1/key-results").status_code == 401


@pytest.mark.both_databases
def test_the_link_works_once(app: Flask, anonymous: FlaskClient, services: Services, link: str) -> None:
    """Opening it does not use it up; the form does, and a form that was open meanwhile is refused."""
    for _ in range(3):
        assert anonymous.get(link).status_code == 200
    late = SessionClient(app.test_client())
    form = late.read(link)
    assert use(anonymous, link) == 302
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token
    fields = {"csrf_token": token[1], "name": "Eve", "email": "eve@example.com"}
    assert late.client.post(link, data=fields).status_code == 410
    assert late.open(link).status_code == 410
    assert late.open("/").status_code == 302
    assert [email for email, _, _ in people(services)] == ["ana@example.com"]


@pytest.mark.both_databases
def test_of_several_who_use_the_link_at_once_one_is_an_admin(app: Flask, services: Services, link: str) -> None:
    """The others learn that it no longer works."""
    app.config["WTF_CSRF_ENABLED"] = False

    def name(number: int) -> int:
        fields = {"name": "One", "email": f"one{number}@example.com"}
        return app.test_client().post(link, data=fields).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(name, range(4))) == [302, 410, 410, 410]
    assert len(people(services)) == 1


def test_a_newer_link_ends_the_older_one(anonymous: FlaskClient, services: Services, link: str) -> None:
    """Each start without an admin prints a new one."""
    newer = new_link(services)
    assert newer != link
    assert anonymous.get(link).status_code == 410
    assert anonymous.get("/first-admin/guessed").status_code == 410
    assert use(anonymous, newer) == 302


def test_wrong_fields_are_named_and_do_not_use_up_the_link(
    anonymous: FlaskClient, services: Services, link: str
) -> None:
    """The page keeps what was typed."""
    for name, email, wrong in (
        ("", "ana", {"name", "email"}),
        ("Ana", "ana@", {"email"}),
        ("A\nB", "ana@example.com", {"name"}),
        ("x" * 501, "a@example.com", {"name"}),
        ("Ana", f"{'a' * 320}@example.com", {"email"}),
    ):
        answer = SessionClient(anonymous).submit(link, on=link, name=name, email=email)
        assert answer.status_code == 422
        assert set(re.findall(r'id="(\w+)-error"', answer.text)) == wrong
        assert f'value="{email}"' in answer.text
    assert people(services) == []
    assert use(anonymous, link) == 302


def test_without_an_admin_a_known_person_becomes_one(anonymous: FlaskClient, services: Services) -> None:
    """A file may name people and no admin: they sign in as before, and the link makes one of them the admin."""
    with writing(services.engine) as tx:
        team = add(tx, tables.team, slug="checkout", name="Checkout")
        ben = add_person(tx, "ben@example.com", "Ben", team_id=team, timezone="Europe/Madrid")
    path = sign_in_path(services, ben)
    assert SessionClient(anonymous).submit(path, on=path).status_code == 302
    assert use(anonymous, new_link(services), "Ben Okafor", "BEN@example.com") == 302
    with reading(services.engine) as tx:
        row = tx.execute(sa.select(tables.person)).one()
    assert (row.id, row.name, row.role, row.team_id, row.timezone) == (
        ben,
        "Ben Okafor",
        "admin",
        team,
        "Europe/Madrid",
    )


def test_no_link_works_while_there_is_an_admin(anonymous: FlaskClient, services: Services, link: str) -> None:
    """An admin who came by a file ends it."""
    with writing(services.engine) as tx:
        add_person(tx, "ana@example.com", "Ana Ruiz", role="admin")
        assert first_admin.renew_link(tx, services.now()) is None
    assert anonymous.get(link).status_code == 410
    assert anonymous.get("/first-admin").location == "/sign-in"

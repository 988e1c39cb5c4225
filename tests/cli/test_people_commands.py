"""The commands people, token list and audit: who may come in, an end to it, and who did what."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.people import auth
from tests.cli.conftest import Run
from tests.cli.found_findings import parse_findings
from tests.config_file.files import EXAMPLE

BEN = "\n  - {email: ben@example.com, name: Ben, role: viewer}\n"
OTHER_OWNER = EXAMPLE.replace("ana@example.com", "cleo@example.com").replace("Ana Ruiz", "Cleo")


@pytest.fixture
def engine(applied: None, directory: Path) -> Iterator[Engine]:
    """Yield the command's database, with a session and a sign-in link of Ana."""
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(opened) as tx:
        auth.start_session(tx, 1, datetime.now(UTC))
        auth.create_sign_in_link(tx, 1, datetime.now(UTC))
    yield opened
    opened.dispose()


def count(engine: Engine, table: sa.Table) -> int:
    """Return how many rows a table has."""
    with reading(engine) as tx:
        return tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.mark.slow
def test_apply_names_people_who_are_in_no_file_any_more(run: Run, engine: Engine, directory: Path) -> None:
    """They stay able to sign in, until they are removed."""
    (directory / "new.yaml").write_text(OTHER_OWNER)
    result = run("apply", "new.yaml")
    assert "ana@example.com is not in these files and can still sign in" in result.stderr
    assert "okr-sync people remove" in result.stderr
    assert "not in these files" in run("apply", "new.yaml").stderr
    assert run("people", "remove", "ana@example.com").exit_code == 0
    assert "not in these files" not in run("apply", "new.yaml").stderr


def test_apply_of_files_without_people_or_with_prune_names_nobody(run: Run, engine: Engine, directory: Path) -> None:
    """A file about rules says nothing about people; a pruned person is gone."""
    (directory / "teams.yaml").write_text("teams:\n  - {slug: more, name: More}\n")
    assert "not in these files" not in run("apply", "teams.yaml").stderr
    (directory / "new.yaml").write_text(OTHER_OWNER)
    assert "not in these files" not in run("apply", "new.yaml", "--prune").stderr


def test_people_are_listed_with_role_and_sessions(run: Run, engine: Engine) -> None:
    """In words and as JSON."""
    assert run("people", "list").stdout == "ana@example.com  admin   1 session  Ana Ruiz (checkout)\n"
    (ana,) = json.loads(run("people", "list", "--json").stdout)
    assert ana == {"email": "ana@example.com", "name": "Ana Ruiz", "role": "admin", "team": "checkout", "sessions": 1}


def test_a_removed_person_can_not_come_in_and_history_stays(run: Run, engine: Engine) -> None:
    """What the person owned is named."""
    with writing(engine) as tx:
        key_result = tx.scalar(sa.select(t.key_result.c.id).limit(1))
        person = {"person_id": 1, "key_result_id": key_result, "at": datetime.now(UTC), "value": 3.0}
        tx.execute(sa.insert(t.check_in).values(person))
        tx.execute(
            sa.insert(t.history).values(
                {
                    "key_result_id": key_result,
                    "at": datetime.now(UTC),
                    "to": 3.0,
                    "causes": [{"what": "checked in", "actor": "Ana Ruiz"}],
                }
            )
        )
        before = tx.execute(sa.select(t.history)).all()
    result = run("people", "remove", "Ana@Example.com")
    assert result.exit_code == 0
    assert "without an owner now: objective fast-checkout" in result.stdout
    assert (count(engine, t.person), count(engine, t.session), count(engine, t.sign_in_link)) == (0, 0, 0)
    assert count(engine, t.check_in) == 1
    with reading(engine) as tx:
        assert tx.execute(sa.select(t.history)).all() == before
    assert run("people", "list").stdout.startswith("there are no people yet")
    assert run("export").exit_code == 0


def test_an_unknown_person_is_an_error_with_a_suggestion(run: Run, engine: Engine) -> None:
    """Exit code 1."""
    for words in (("remove",), ("sessions",)):
        result = run("people", *words, "anna@example.com")
        assert result.exit_code == 1
        assert "did you mean ana@example.com?" in result.stderr


def test_sessions_are_listed_and_ended_with_the_open_links(run: Run, engine: Engine) -> None:
    """The person stays, and may sign in again."""
    assert run("people", "sessions", "ana@example.com").stdout.endswith("sessions: 1\n")
    assert count(engine, t.session) == 1
    assert run("people", "sessions", "ana@example.com", "--end").stdout.endswith("ended: 1\n")
    assert (count(engine, t.session), count(engine, t.sign_in_link), count(engine, t.person)) == (0, 0, 1)


def test_tokens_are_listed_with_their_validity(run: Run, engine: Engine) -> None:
    """Never with their secret."""
    assert run("token", "list").stdout.startswith("there is no token")
    secret = run("token", "create", "--name", "ci", "--role", "viewer", "--days", "7").stdout.strip()
    run("token", "create", "--name", "wall", "--role", "viewer")
    with writing(engine) as tx:
        tx.execute(sa.insert(t.api_token).values(name="old", role="admin", token_hash="x", created_at=0, expires_at=1))
    first, old, wall = run("token", "list").stdout.splitlines()
    assert "ci: viewer, created" in first
    assert f"valid until {datetime.now(UTC) + timedelta(days=7):%Y-%m-}" in first or "valid until" in first
    assert "expired 1970" in old
    assert wall.endswith("valid until it is revoked")
    assert secret not in run("token", "list").stdout


def test_the_audit_log_says_who_did_what(run: Run, engine: Engine) -> None:
    """Files, sign-in links, tokens, replays, sessions and removals; never a secret."""
    link = run("sign-in", "ana@example.com").stdout.strip()
    token = run("token", "create", "--name", "ci", "--role", "viewer").stdout.strip()
    run("token", "revoke", "--name", "ci")
    run("replay", "--since", "1d")
    run("people", "sessions", "ana@example.com", "--end")
    run("people", "remove", "ana@example.com")
    text = run("audit").stdout
    for words in (
        "by okr-sync apply: applied configuration files",
        "    + person ana@example.com",
        "by okr-sync sign-in: created a sign-in link for ana@example.com",
        "by okr-sync token create: created the API token ci with the role viewer",
        "by okr-sync token revoke: revoked the API token ci",
        "by okr-sync replay: replayed deliveries since 1d",
        "by okr-sync people sessions: ended 2 sessions of ana@example.com".replace("2", "1"),
        "by okr-sync people remove: removed a person",
        "    - person ana@example.com",
    ):
        assert words in text
    assert token not in text
    assert link.rpartition("/")[2] not in text
    items = json.loads(run("audit", "--json", "--since", "1h").stdout)
    assert items[-1]["what"].startswith("removed a person")
    assert set(items[0]) == {"at", "actor", "what"}
    with writing(engine) as tx:
        tx.execute(sa.update(t.audit).values(at=datetime.now(UTC) - timedelta(days=2)))
    assert run("audit", "--since", "1d").stdout == ""
    assert run("audit", "--since", "soon").exit_code == 2


@pytest.fixture
def stranger(engine: Engine) -> None:
    """Let another account have the login that Ana's `accounts` name."""
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    mine = {"kind": "github", "site": "https://api.github.com", "login": "ana-ruiz", "stable_id": "11"}
    with writing(engine) as tx:
        tx.execute(sa.update(t.person).where(t.person.c.email == "ana@example.com").values(accounts=ACCOUNTS))
        row = {**mine, "first_seen_at": at, "stranger_id": "22", "stranger_seen_at": at}
        tx.execute(sa.insert(t.pinned_account).values(row))


ACCOUNTS = {"github": "ana-ruiz"}
PINNED = (
    "ana@example.com  github  ana-ruiz  id 11 at https://api.github.com since 2026-10-05T12:00:00.000Z; "
    "another account, id 22, has this login since 2026-10-05T12:00:00.000Z\n"
)


@pytest.mark.usefixtures("stranger")
def test_accounts_are_listed_with_the_id_that_each_login_means(run: Run) -> None:
    """Of everybody, or of one person; in any spelling of the address."""
    assert run("people", "accounts").stdout == PINNED
    assert run("people", "accounts", " ANA@example.com").stdout == PINNED


@pytest.mark.usefixtures("stranger")
def test_a_login_without_a_pinned_account_means_the_next_account_seen(run: Run, engine: Engine) -> None:
    """The audit log has it."""
    result = run("people", "accounts", "ana@example.com", "--forget")
    assert result.stdout == f"{PINNED}forgotten: the next account that is seen with a login counts\n"
    assert count(engine, t.pinned_account) == 0
    assert run("people", "accounts").stdout == "ana@example.com  github  ana-ruiz  no id seen\n"
    assert "forgot which tracker accounts ana@example.com has" in run("audit").stdout


@pytest.mark.usefixtures("stranger")
def test_accounts_are_forgotten_of_one_known_person_only(run: Run, engine: Engine) -> None:
    """Without an address, or with one that nobody has, nothing is."""
    assert run("people", "accounts", "--forget").exit_code == 2
    assert "nobody has the address" in run("people", "accounts", "an@example.com", "--forget").stderr
    assert count(engine, t.pinned_account) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("stranger")
def test_doctor_names_a_login_that_a_stranger_has(run: Run) -> None:
    """It says whose login it is, both ids, and what to do. It is no error."""
    finding = parse_findings(run("doctor", "--json"))["work"]["accounts"]
    assert finding["well"] is None
    assert "ana-ruiz of ana@example.com belongs to another account now (id 22, before 11)" in finding["says"]
    assert finding["mend"].endswith("okr-sync people accounts ana@example.com --forget")
    run("people", "accounts", "ana@example.com", "--forget")
    assert "accounts" not in parse_findings(run("doctor", "--json"))["work"]


@pytest.mark.slow
@pytest.mark.usefixtures("stranger")
def test_doctor_and_explain_say_whom_a_login_in_a_rule_means(run: Run, engine: Engine) -> None:
    """As the account and since when, with the rules that name it; it can be let go."""
    with writing(engine) as tx:
        key_result = tx.execute(sa.select(t.key_result).order_by(t.key_result.c.id).limit(1)).one()
        condition = {"any": [{"field": "author", "is": "Ana-Ruiz"}, {"field": "assignee", "in": ["bo"]}]}
        github = tx.scalars(sa.select(t.connection.c.id).where(t.connection.c.kind == "github")).first()
        mine = {"connection_id": github, "key_result_id": key_result.id, "rule_slug": "hers", "condition": condition}
        tx.execute(
            sa.insert(t.rule_revision).values(**mine, state="active", changed_by="Ana", created_at=datetime.now(UTC))
        )
    means = "ana-ruiz means the github account 11, since 2026-10-05T12:00:00.000Z; another account, 22, has it now"
    whoever = "bo means whoever the github site shows by it"
    for text in (run("doctor").stdout, run("explain", key_result.slug).stdout):
        assert means in text
        assert whoever in text
        assert "(rule hers)" in text
    assert "okr-sync people forget github ana-ruiz" in run("doctor").stdout
    assert means in json.loads(run("explain", key_result.slug, "--json").stdout)["accounts"][0]
    assert "forgotten" in run("people", "forget", "github", "Ana-Ruiz").stdout
    assert run("people", "forget", "github", "ana-ruiz").exit_code == 1
    assert count(engine, t.pinned_account) == 0

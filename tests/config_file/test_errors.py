"""Errors of a file: each has the position, what was found and what is allowed, and nothing is applied."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_service.config_file.read.errors import InvalidFiles, did_you_mean, format_path, format_value
from sync_service.store import tables
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace

MakeHarness = Callable[[], ConfigHarness]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("role: admin", "rol: admin", "4: people[0].rol: found the unknown field 'rol'; allowed: *did you mean role?"),
        ("role: admin", "role: boss", "4: people[0].role: found 'boss'; allowed: admin, member or viewer"),
        ("ana@example.com, name", "ana, name", "4: people[0].email: found 'ana'; allowed: an e-mail address*"),
        ("Europe/Madrid", "Madrid", "4: people[0].timezone: found 'Madrid'; allowed: a time zone by its IANA name*"),
        ("github: anaruiz", "gitlab: anaruiz", "5: people[0].accounts.gitlab: found the unknown kind*github, jira*"),
        ("slug: checkout,", "slug: check out,", "2: teams[0].slug: found 'check out'; allowed: a short name*"),
        ("name: Checkout", "nam: Checkout", "2: teams[0].name: found nothing; allowed: text of one line*"),
        ("name: Checkout", "name: [Checkout]", "2: teams[0].name: found ['Checkout']; allowed: text of one line*"),
        ("team: checkout, role", "team: chekout, role", "4: people[0].team: found 'chekout'*did you mean checkout?"),
        ("ends: 2026-12-31", "ends: 2026-09-30", "7: cycles[0].ends: found 2026-09-30; allowed: the first day*"),
        ("ends: 2026-12-31", "ends: 2026-13-31", "7: cycles[0].ends: found '2026-13-31'; allowed: the last day*"),
        ("ends: 2026-12-31", "ends: 20261231", "7: cycles[0].ends: found 20261231; allowed: the last day*"),
        ("kind: github", "kind: gitub", "10: connections[0].kind: found 'gitub'*github, jira; did you mean github?"),
        ("site: https://api.github.com", "site: api.github.com", "11: connections[0].site: found 'api.github.com'*"),
        (
            "    site: https://acme.atlassian.net\n",
            "",
            "17: connections[1].site: found nothing; allowed: Jira's address*",
        ),
        ("env:GITHUB_TOKEN", "env:NOPE", "14: connections[0].token: found env:NOPE, which is not set or empty*"),
        ("env:GITHUB_TOKEN", "file:nope", "14: connections[0].token: found file:*nope (No such file or directory)*"),
        ("env:GITHUB_TOKEN", "file:~no-such-user/token", "14: connections[0].token: found file:*no path here*"),
        ("env:GITHUB_TOKEN", '"file:a\\0b"', "14: connections[0].token: found file:*no path here*"),
        ("env:GITHUB_TOKEN", "kept", "14: connections[0].token: found kept; allowed: kept only if*"),
        ("env:GITHUB_TOKEN", "'  '", "14: connections[0].token: found a secret of blanks only*"),
        ("[env:JIRA_WEBHOOK_SECRET]", "['        ']", "20: connections[1].webhook_secrets: found a secret of blanks*"),
        (
            "[env:JIRA_WEBHOOK_SECRET]",
            "[short]",
            "20: connections[1].webhook_secrets: found a webhook secret of 5 char*",
        ),
        ("[env:JIRA_WEBHOOK_SECRET]", "[kept]", "20: connections[1].webhook_secrets: found kept; allowed: kept only*"),
        (
            "    token: env:GITHUB_TOKEN\n",
            "",
            "15: connections[0].earlier: found import without a token or an app; allowed: ignore*",
        ),
        (
            "[acme/checkout]\n",
            "[acme/checkout, ACME/checkout]\n",
            "15: connections[0].scopes[1]: found 'ACME/checkout' a*",
        ),
        (
            "[acme/checkout]\n",
            "[acme/*]\n",
            "15: connections[0].scopes[0]: found 'acme/*'; allowed: one repository as*",
        ),
        (
            "[acme/checkout]\n",
            "[acme]\n",
            "15: connections[0].scopes[0]: found 'acme'; allowed: *write acme/ and the *",
        ),
        (
            "[acme/checkout]\n",
            "[https://gitlab.com/acme/checkout]\n",
            "15: connections[0].scopes[0]: found *; allowed: one repository as owner/name, * at https://github.com",
        ),
        (
            "[acme/checkout]\n",
            "[acme/checkout, git@github.com:acme/checkout.git]\n",
            "15: connections[0].scopes[1]: found 'acme/checkout' a second time*",
        ),
        (
            "scopes: [SHOP]",
            "scopes: [SHOP-7]",
            "*connections[1].scopes[0]: found *is an issue of the project SHOP",
        ),
        ("email: okr-bot", "emial: okr-bot", "22: connections[1].emial: found the unknown field*did you mean email?"),
        ("cycle: 2026-q4", "cycle: 2026-q3", "31: objectives[0].cycle: found '2026-q3'*did you mean 2026-q4?"),
        (
            "target: 5",
            "target: 40",
            "43: objectives[0].key_results[1].target: found 40*other than the start, which is 40",
        ),
        ("        target: 5\n", "", "40: objectives[0].key_results[1].target: found nothing; allowed: a number*"),
        (
            "target: 5",
            "target: '5'",
            "43: objectives[0].key_results[1].target: found '5'; allowed: the value to reach*",
        ),
        ("weight: 2", "weight: 0", "38: objectives[0].key_results[0].weight: found 0; allowed: a number above 0*"),
        (
            "weight: 2",
            "weight: true",
            "38: objectives[0].key_results[0].weight: found true; allowed: a number above 0*",
        ),
        (
            "done-share",
            "dun-share",
            "39: objectives[0].key_results[0].measure.kind: found 'dun-share'; allowed: one of*",
        ),
        ("weight: points", "weight: kilos", "39: objectives[0].key_results[0].measure.weight: found 'kilos'*count or*"),
        ("slug: KR-2", "slug: kr-1", "40: objectives[0].key_results[1].slug: found 'kr-1' a second time (first at*"),
        ("labels, has", "label, has", "50: rules[0].when.all[0].field: found 'label'; allowed: one of scope,*"),
        ("labels, has", "labels, is", "50: rules[0].when.all[0]: found ['is']; allowed: one operator for labels:*"),
        (
            "field: labels",
            "field: [labels]",
            "50: rules[0].when.all[0].field: found ['labels']; allowed: one of scope,*",
        ),
        (
            "    query: project",
            "    when: {field: kind, is: issue}\n    query: project",
            "51: rules[1]: found both when*",
        ),
        ("slug: payment-bugs", "slug: payment-bugs\n    enabled: maybe", "52: rules[1].enabled: found 'maybe'*"),
        (
            "measure: {kind: done-share, weight: points, unestimated: 1}",
            (
                "measure:\n          kind: steps\n          steps:\n            - {name: Contract signed}\n"
                "            - {name: Pilot live, weight: 0}"
            ),
            "43: objectives[0].key_results[0].measure.steps[1].weight: found 0; allowed: a number greater than 0*",
        ),
        (
            "measure: {kind: done-share, weight: points, unestimated: 1}",
            "measure: {kind: share-meeting, meets: {field: leadtime, at_most: 3}}",
            "39: objectives[0].key_results[0].measure.meets.field: found 'leadtime'*did you mean lead_time?",
        ),
        ("acme-github:acme", "acme-gitub:acme", "57: links[0].issue: found*did you mean acme-github?"),
        ("checkout#12", "checkout", "57: links[0].issue: found*allowed: a key that GitHub knows*"),
        (
            "links:",
            "link:",
            "56: link: found the unknown field 'link'; allowed: organisation, teams,*did you mean links?",
        ),
        ("role: admin", "name: Ana", "4: people[0].name: found 'name' a second time; allowed: each key once"),
    ],
)
def test_an_error_has_its_position_and_what_is_allowed(
    sqlite_harness: MakeHarness, old: str, new: str, expected: str
) -> None:
    """One line for the one error (`*` matches any text), and nothing in the database."""
    harness = sqlite_harness()
    lines = [str(error) for error in harness.errors(replace(EXAMPLE, (old, new)))]
    assert any(_fits(line.removeprefix("one.yaml:"), expected) for line in lines), "\n".join(lines)
    assert harness.rows(sa.select(sa.func.count()).select_from(tables.team)) == [(0,)]


def _fits(line: str, pattern: str) -> bool:
    first, *rest = pattern.split("*")
    if not line.startswith(first):
        return False
    for piece in rest:
        if piece not in line:
            return False
        line = line[line.index(piece) + len(piece) :]
    return True


def test_all_errors_of_all_files_are_reported_at_once_and_in_order(sqlite_harness: MakeHarness) -> None:
    """A person can then correct a file in one step."""
    first = replace(EXAMPLE, ("role: admin", "role: boss"), ("cycle: 2026-q4", "cycle: never"))
    second = "teams:\n  - {slug: checkout, name: Again}\nrules: {}\n"
    positions = [(one.file, one.line, one.field) for one in sqlite_harness().errors(first, second)]
    assert positions == [
        ("one.yaml", 4, "people[0].role"),
        ("one.yaml", 31, "objectives[0].cycle"),
        ("two.yaml", 2, "teams[0].slug"),
        ("two.yaml", 3, "rules"),
    ]


def test_an_error_causes_no_errors_in_items_that_refer_to_it(sqlite_harness: MakeHarness) -> None:
    """Rules may still refer to a key result with an invalid measure."""
    wrong = replace(EXAMPLE, ("done-share", "nothing"), ("role: admin", "role: boss"))
    assert len(sqlite_harness().errors(wrong)) == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "1: found an empty file; allowed: at least one of organisation, teams,"),
        (b"- teams\n", "1: found ['teams']; allowed: a mapping with"),
        (b"teams: nobody", "1: teams: found 'nobody'; allowed: a list"),
        (b"teams:\n  - nobody", "2: teams[0]: found 'nobody'; allowed: a mapping"),
        (b"teams: [\n b", "2: found invalid YAML ("),
        (b"teams: []\n---\nteams: []\n", "2: found invalid YAML ("),
        (b"teams: []\n\nx: 'a\x07'", "3: found the character #x0007; allowed: characters that can be printed"),
        (b"teams: []\nx: \xff", "2: found bytes that are not UTF-8; allowed: text in UTF-8"),
        (b"teams: " + b"[" * 5000, "1: found invalid YAML (values nested more than 40 deep)"),
        (b"teams: &a [*a]", "1: found too many values, or aliases within aliases"),
        (
            b"teams:\n  - !!python/object/apply:os.system [ls]",
            "2: teams[0]: found the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        (b"teams:\n  - !!timestamp 2026-10-01", "2: teams[0]: found the tag tag:yaml.org,2002:timestamp"),
        (b"teams:\n  - !!int x", "2: teams[0]: found the tag tag:yaml.org,2002:int"),
        (b"teams:\n  - {[1]: 2}", "2: teams[0]: found a key that is not text"),
        (b"#" * (1024 * 1024 + 1), "1: found 1048577 bytes; allowed: 1048576 bytes at most"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(sqlite_harness: MakeHarness, content: bytes, expected: str) -> None:
    """For any content there is a line and a reason, and no code is run."""
    with pytest.raises(InvalidFiles) as caught:
        sqlite_harness().applier.apply([("odd.yaml", content)], prune=False)
    lines = [str(error) for error in caught.value.errors]
    assert any(line.startswith(f"odd.yaml:{expected}") for line in lines), lines


@pytest.mark.slow
def test_aliases_that_multiply_are_refused(sqlite_harness: MakeHarness) -> None:
    """A few hundred bytes must not become a billion values."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    assert any("too many values" in error.found for error in sqlite_harness().errors(bomb))


def test_a_secret_is_never_shown(sqlite_harness: MakeHarness) -> None:
    """The error hides even an invalid one."""
    text = replace(EXAMPLE, ("env:GITHUB_TOKEN", "[my-very-secret]"), ("[env:JIRA_WEBHOOK_SECRET]", "my-very-secret"))
    errors = sqlite_harness().errors(text)
    assert {error.field for error in errors} >= {"connections[0].token", "connections[1].webhook_secrets"}
    assert "my-very-secret" not in "\n".join(map(str, errors))


def test_a_secret_may_be_in_another_file(sqlite_harness: MakeHarness, tmp_path: Path) -> None:
    """The path is relative to the file that names it. The last line break is not part of the secret."""
    (tmp_path / "token").write_text("from-a-file\n")
    harness = sqlite_harness()
    text = replace(EXAMPLE, ("env:GITHUB_TOKEN", "file:token"))
    harness.applier.apply([(str(tmp_path / "okrs.yaml"), text.encode())], prune=False)
    sealed = harness.rows(sa.select(tables.connection.c.sealed_token).where(tables.connection.c.slug == "acme-github"))
    assert harness.sealer.decrypt(str(sealed[0][0])) == "from-a-file"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 70000])
def test_an_invalid_secret_file_is_refused(sqlite_harness: MakeHarness, tmp_path: Path, content: bytes) -> None:
    """Empty, not text, or too large."""
    (tmp_path / "token").write_bytes(content)
    text = replace(EXAMPLE, ("env:GITHUB_TOKEN", f"file:{tmp_path / 'token'}"))
    assert [error.field for error in sqlite_harness().errors(text)] == ["connections[0].token"]


def test_a_file_may_refer_to_stored_names(sqlite_harness: MakeHarness) -> None:
    """A file with only rules is enough if the rest is stored. With --prune the rest would be removed."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    rule = "rules:\n  - {slug: new, connection: acme-github, key_result: KR-1, when: {field: kind, is: issue}}\n"
    assert [str(change) for change in harness.apply(rule).changes] == ["+ rule new"]
    assert {error.field for error in harness.errors(rule, prune=True)} == {
        "rules[0].connection",
        "rules[0].key_result",
    }


def test_a_stored_name_in_another_case_is_not_a_new_name(sqlite_harness: MakeHarness) -> None:
    """`okr:kr-1` on an issue means KR-1, so both can't exist."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    errors = harness.errors("teams:\n  - {slug: Checkout, name: Another}\n")
    assert [error.allowed for error in errors] == ["checkout as it is stored, or another"]


def test_a_connection_keeps_its_kind(sqlite_harness: MakeHarness) -> None:
    """Its issues are stored by the tracker's own identities."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    other = "connections:\n  - {slug: acme-jira, kind: github, earlier: ignore}\n"
    assert [error.field for error in harness.errors(other)] == ["connections[0].kind"]


def test_found_values_and_paths_are_readable() -> None:
    """They look as people write them, and long ones are cut."""
    assert format_path(("connections", 0, "scopes", 2)) == "connections[0].scopes[2]"
    assert [format_value(one) for one in (None, True, {"a": 1}, [1, 2])] == [
        "nothing",
        "true",
        "a mapping",
        "a list of 2",
    ]
    assert len(format_value("x" * 1000)) < 100
    assert did_you_mean("zzz", ["apple"]) == ""

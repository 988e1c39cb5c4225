"""The words of JQL for an editor: kept by a daily task, and never made poorer by an answer that is not for us."""

import json
from datetime import timedelta
from typing import Any

import pytest
import responses

import simulator
from connectors.jira import Jira
from connectors.jira.query import vocabulary
from connectors.jira.query.vocabulary import TASK_NAME
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection, Refused, Rejected, Unavailable
from sync_service.domain.trackers.queries import HasVocabulary
from tests.connectors.jira.fake_http import BY_CLOUD, BY_SERVER, CLOUD, SERVER, by

WORDS = f"{CLOUD}/jql/autocompletedata"
FIELD = {"value": "labels", "displayName": "Labels", "operators": ["=", "in"], "types": ["Label"]}


def run(connection: Connection, memory: str | None = None) -> TaskResult:
    """Run the task."""
    return Jira().run_task(connection, name=TASK_NAME, scopes=[], memory=memory)


def test_every_connection_with_credentials_keeps_them_daily() -> None:
    """Without credentials there is nobody to ask."""
    assert Jira().scheduled_tasks(BY_CLOUD) == {TASK_NAME: timedelta(days=1)}
    assert Jira().scheduled_tasks(BY_SERVER) == {TASK_NAME: timedelta(days=1)}
    assert Jira().scheduled_tasks(Connection(slug="j", site="https://acme.atlassian.net")) == {}


def test_fields_functions_and_reserved_words_are_kept(tracker: simulator.Jira) -> None:
    """On Cloud and on Data Center."""
    jira = Jira()
    assert isinstance(jira, HasVocabulary)
    assert jira.vocabulary(None) is None
    result = run(by(tracker))
    words = jira.vocabulary(result.memory)
    assert words is not None
    assert result.outcome == f"{len(words.fields)} fields of JQL"
    fields = {one.name: one for one in words.fields}
    assert fields["summary"].operators == ("~", "!~")
    assert fields['"Sprint"'].label.startswith("Sprint - cf[")
    assert {one.name: one.is_list for one in words.functions}["openSprints()"] is True
    assert "order" in words.reserved
    assert words.kept_at is not None


def test_what_is_kept_is_bounded(mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd entries are left out, and so are fields that can't be searched."""
    monkeypatch.setattr(vocabulary, "MOST_FIELDS", 3)
    fields = [{"value": f"field{number}"} for number in range(9)]
    odd = [{"value": 7}, {"value": "x" * 300}, {"value": "hidden", "searchable": "false"}, "text", {}]
    functions = [{"value": "now()", "isList": "false"}, {"value": None}]
    body = {
        "visibleFieldNames": [*odd, FIELD, *fields],
        "visibleFunctionNames": functions,
        "jqlReservedWords": ["and", 7],
    }
    mock.get(WORDS, json=body)
    words = Jira().vocabulary(run(BY_CLOUD).memory)
    assert words is not None
    assert [one.name for one in words.fields] == ["labels", "field0", "field1"]
    assert (words.fields[0].operators, words.fields[1].label) == (("=", "in"), "field0")
    assert ([one.name for one in words.functions], words.reserved) == (["now()"], ("and",))


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {}},
        {"json": {"visibleFieldNames": []}},
        {"json": {"visibleFieldNames": "all"}},
        {"status": 403},
        {"status": 404},
        {"status": 401, "body": '{"message": "Unauthorized; scope does not match"}'},
    ],
)
def test_what_was_kept_stays_where_jira_names_no_words(mock: responses.RequestsMock, answer: dict[str, Any]) -> None:
    """Credentials that may search and not read the words are not refused by it."""
    mock.get(WORDS, **answer)
    assert run(BY_CLOUD, "kept").memory == "kept"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"body": "<html>", "content_type": "text/html"}, Unavailable),
        ({"status": 429, "headers": {"Retry-After": "60"}}, Unavailable),
        ({"status": 503}, Unavailable),
        ({"status": 401}, Refused),
        ({"json": {"visibleFieldNames": [FIELD]}, "headers": {"X-AUSERNAME": "anonymous"}}, Refused),
        ({"json": []}, Rejected),
    ],
)
def test_a_bad_answer_is_an_error_of_the_task(
    mock: responses.RequestsMock, answer: dict[str, Any], error: type[Exception]
) -> None:
    """The task keeps its memory then; an answer as to a stranger is not believed."""
    mock.get(f"{SERVER}/jql/autocompletedata", **answer)
    with pytest.raises(error):
        run(BY_SERVER, "kept")


@pytest.mark.parametrize("memory", ["", "no JSON", "{}", "[]", json.dumps({"fields": 7}), json.dumps({"fields": [{}]})])
def test_a_memory_that_can_not_be_read_is_none(memory: str) -> None:
    """The next run writes it anew."""
    assert Jira().vocabulary(memory) is None

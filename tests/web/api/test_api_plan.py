"""The API route of plans."""

from typing import Any

import pytest

from sync_service.web.api.plan import routes
from tests.web.api.fixture import ApiHarness

TEXT = "teams: [{slug: fresh, name: Fresh}]"


def post(api: ApiHarness, body: object, *, role: str = "member") -> Any:
    """Ask for a plan."""
    headers = {"Authorization": f"Bearer {api.token(role)}"}
    return api.app.test_client().post("/api/v1/plan", json=body, headers=headers)


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_plan_is_computed_and_nothing_is_saved(api: ApiHarness) -> None:
    """A file as text or as a JSON object, for members."""
    for _ in range(2):
        found = post(api, {"files": [{"name": "okrs.yaml", "text": TEXT}]})
        assert found.status_code == 200, found.get_json()
        assert found.get_json()["changes"] == ["+ team fresh"]
    content = {"teams": [{"slug": "fresh", "name": "Fresh"}]}
    body = post(api, {"files": [{"content": content}]}).get_json()
    assert (body["changes"], body["summary"]) == (["+ team fresh"], "1 created, 0 changed, 0 removed")
    assert {one["slug"] for one in body["key_results"]} == {"KR-1", "KR-2"}
    assert [one for one in body["key_results"] if one["changes"]] == []


def test_a_viewer_may_not_ask(api: ApiHarness) -> None:
    """It costs more than a page."""
    assert post(api, {"files": [{"text": TEXT}]}, role="viewer").status_code == 403


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"files": []}, "files"),
        ({"files": [{"name": "a"}]}, "files.0"),
        ({"files": [{"text": "a: b", "content": {}}]}, "files.0"),
        ({"files": [{"name": "okrs.yaml", "text": "teams: [{slug: 5 5}]"}]}, "okrs.yaml:1"),
        ({"files": [{"text": "\ud800"}]}, "file:1"),
        ([], "body"),
    ],
)
def test_mistakes_are_named(api: ApiHarness, body: object, parameter: str) -> None:
    """422, with the file and the line."""
    found = post(api, body)
    assert found.status_code == 422
    assert found.get_json()["errors"][0]["parameter"] == parameter


def test_one_plan_at_a_time(api: ApiHarness) -> None:
    """A second one waits outside, so that plans do not take all threads."""
    with routes._one_at_a_time:
        found = post(api, {"files": [{"text": TEXT}]})
    assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
    assert post(api, {"files": [{"text": TEXT}]}).status_code == 200

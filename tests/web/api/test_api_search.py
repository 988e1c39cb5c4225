"""Search through the API: groups of results, the best first."""

from tests.web.api.fixture import ApiHarness

PATH = "/api/v1/search"


def test_results_come_in_groups_the_best_first(api: ApiHarness, token: str) -> None:
    """Each with its page; an issue with its tracker's page, and what it counts toward."""
    api.issue("acme/checkout#12", api.ids["KR-1"])
    groups = api.call(f"{PATH}?q=acme/checkout%2312", token=token).get_json()["groups"]
    assert [group["kind"] for group in groups] == ["issues"]
    assert groups[0]["items"] == [
        {
            "key": "acme/checkout#12",
            "title": "Pay by card",
            "about": "acme-github",
            "state": "todo",
            "connection": "acme-github",
            "url": "https://github.example/acme/checkout/issues/12",
            "serves": ["KR-1"],
            "page": f"{api.services.settings.base_url}/rules/try?issue=acme-github:acme/checkout%2312",
        }
    ]
    first = api.call(f"{PATH}?q=kr-1", token=token).get_json()["groups"][0]
    assert (first["kind"], first["items"][0]["page"]) == (
        "key_results",
        f"{api.services.settings.base_url}/key-results/KR-1",
    )


def test_one_kind_and_a_limit_can_be_asked_for(api: ApiHarness, token: str) -> None:
    """The group says that there is more."""
    for number in range(3):
        api.issue(f"acme/checkout#{number}", api.ids["KR-1"])
    (group,) = api.call(f"{PATH}?q=card&kind=issues&limit=2", token=token).get_json()["groups"]
    assert (len(group["items"]), group["more"]) == (2, True)
    for nothing in ("?q=card&kind=people", "?q=", ""):
        assert api.call(PATH + nothing, token=token).get_json() == {"groups": [], "unknown": []}


def test_an_unknown_issue_is_named(api: ApiHarness, token: str) -> None:
    """With the connection where it was searched."""
    answer = api.call(f"{PATH}?q=acme/checkout%239999", token=token).get_json()
    assert answer == {"groups": [], "unknown": [{"connection": "acme-github", "key": "acme/checkout#9999"}]}


def test_wrong_parameters_are_refused(api: ApiHarness, token: str) -> None:
    """Hostile texts are only searched for."""
    for query in ("?q=x&limit=0", "?q=x&limit=101", "?q=x&kind=nothing", f"?q={'x' * 2001}"):
        assert api.call(PATH + query, token=token).status_code == 422, query
    for text in ("%25", "%00", "'--", "%E2%80%AE", "_" * 2000):
        assert api.call(f"{PATH}?q={text}", token=token).status_code == 200, text

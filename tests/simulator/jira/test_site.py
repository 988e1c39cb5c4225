"""Calls about the site, checked against Atlassian's description."""

import requests

from simulator import Jira
from tests.simulator.openapi_schemas import check, shared

CLOUD = "openapi/jira-cloud-v3.json"


def ask(jira: Jira, path: str) -> requests.Response:
    """Call with a valid token."""
    if jira.data_center:
        return requests.get(f"{jira.url}{path}", headers={"Authorization": f"Bearer {jira.token}"}, timeout=5)
    return requests.get(f"{jira.url}{path}", auth=(jira.email, jira.token), timeout=5)


def test_answers_are_as_atlassian_describes_them(jira: Jira) -> None:
    """Permissions and resolutions."""
    document = shared(CLOUD)
    jira.project("SHOP")
    payload = "/rest/api/3/mypermissions?projectKey=SHOP&permissions=BROWSE_PROJECTS,ADMINISTER"
    sent = ask(jira, payload).json()
    check(sent, document, "/components/schemas/Permissions")
    for one in sent["permissions"].values():
        check(one, document, "/components/schemas/UserPermission")
    for one in ask(jira, "/rest/api/3/resolution").json():
        check(one, document, "/components/schemas/Resolution")


def test_permissions_must_be_named_and_known_on_cloud(jira: Jira, data_center: Jira) -> None:
    """Data Center returns all."""
    jira.project("SHOP")
    for query, status in (("", 400), ("?permissions=FLY", 400), ("?permissions=LINK_ISSUES&projectKey=NO", 404)):
        assert ask(jira, f"/rest/api/3/mypermissions{query}").status_code == status
    assert set(ask(data_center, "/rest/api/2/mypermissions").json()["permissions"]) >= {"BROWSE_PROJECTS"}

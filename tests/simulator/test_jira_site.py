"""What the simulated Jira tells of itself is as Atlassian describes it."""

import requests

from simulator import Jira
from tests.simulator.schemas import check, shared

CLOUD = "openapi/jira-cloud-v3.json"


def ask(jira: Jira, path: str) -> requests.Response:
    """Ask with the right token."""
    if jira.data_center:
        return requests.get(f"{jira.url}{path}", headers={"Authorization": f"Bearer {jira.token}"}, timeout=5)
    return requests.get(f"{jira.url}{path}", auth=(jira.email, jira.token), timeout=5)


def test_answers_are_as_atlassian_describes_them(jira: Jira) -> None:
    """Permissions and resolutions."""
    document = shared(CLOUD)
    jira.project("SHOP")
    asked = "/rest/api/3/mypermissions?projectKey=SHOP&permissions=BROWSE_PROJECTS,ADMINISTER"
    told = ask(jira, asked).json()
    check(told, document, "/components/schemas/Permissions")
    for one in told["permissions"].values():
        check(one, document, "/components/schemas/UserPermission")
    for one in ask(jira, "/rest/api/3/resolution").json():
        check(one, document, "/components/schemas/Resolution")


def test_permissions_must_be_named_and_known_on_cloud(jira: Jira, data_center: Jira) -> None:
    """Data Center tells all it knows."""
    jira.project("SHOP")
    for query, status in (("", 400), ("?permissions=FLY", 400), ("?permissions=LINK_ISSUES&projectKey=NO", 404)):
        assert ask(jira, f"/rest/api/3/mypermissions{query}").status_code == status
    assert set(ask(data_center, "/rest/api/2/mypermissions").json()["permissions"]) >= {"BROWSE_PROJECTS"}

"""Doctor check whether these credentials can read projects, which may have the numbers that a connection reads.

If not, report a warning only: numbers then come from the fields of issues alone.
https://docs.github.com/en/issues/planning-and-tracking-with-projects/automating-your-project/using-the-api-to-manage-projects
"""

from collections.abc import Callable, Iterator, Sequence

from connectors.github.api.graphql import FORBIDDEN
from connectors.json_fields import Json, json_object, json_objects
from connectors.responses import Response
from sync_service.domain.trackers.diagnostics import Finding

APP_PERMISSION = "organization_projects"

_QUERY = "query($login: String!) { organization(login: $login) { projectsV2(first: 1) { totalCount } } }"
_HIDDEN = "its projects can't be read: points and numbers come from issue fields only"

_GRANT = "if a project has them, grant the organization permission Projects: read-only"


def examine_projects(scopes: Sequence[str], ask: Callable[[Json, str], Response]) -> Iterator[Finding]:
    """Check whether a token can read the projects of each owner. `ask` sends a query about a repository."""
    owners = {name.partition("/")[0].lower(): name for name in reversed(scopes)}
    for owner, name in sorted(owners.items()):
        answer = ask({"query": _QUERY, "variables": {"login": owner}}, name).object()
        kinds = {error.get("type") for error in json_objects(answer.get("errors"))}
        if kinds & FORBIDDEN:
            yield Finding(
                what=f"projects of {owner}", well=None, says=_HIDDEN, mend=f"{_GRANT} (classic: read:project)"
            )
        elif json_object(json_object(answer.get("data")).get("organization")):
            yield Finding(what=f"projects of {owner}", well=True, says="can be read")


def installation_sees(what: str, permissions: Json) -> Iterator[Finding]:
    """Report when an installation of an app may not read projects."""
    if not permissions.get(APP_PERMISSION):
        yield Finding(what=what, well=None, says=_HIDDEN, mend=f"{_GRANT}, on the app's page, and accept it there")

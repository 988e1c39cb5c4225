"""The versions of the REST API, and the fields that the later one removed (https://docs.github.com/en/rest/about-the-rest-api/breaking-changes)."""

from werkzeug.wrappers import Request

from simulator.github.json.common import Json

VERSIONS = ("2022-11-28", "2026-03-10")
"""The API versions that GitHub knows; the first is the default."""

HEADER = "X-GitHub-Api-Version"
_REMOVED = ("assignee", "merge_commit_sha", "rate")


def for_api_version(request: Request, body: Json) -> Json:
    """Return a JSON body as the requested API version has it."""
    if request.headers.get(HEADER) != VERSIONS[1]:
        return body
    return {name: value for name, value in body.items() if name not in _REMOVED}

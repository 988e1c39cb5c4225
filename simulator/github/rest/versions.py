"""The versions of the REST API and what a later one leaves out (https://docs.github.com/en/rest/about-the-rest-api/breaking-changes)."""

from werkzeug.wrappers import Request

from simulator.github.bodies import Body

VERSIONS = ("2022-11-28", "2026-03-10")
"""The API versions that GitHub knows; the first is meant when a request names none."""

HEADER = "X-GitHub-Api-Version"
_REMOVED = ("assignee", "merge_commit_sha", "rate")


def dated(request: Request, body: Body) -> Body:
    """Give an answer as the version that a request asks for has it."""
    if request.headers.get(HEADER) != VERSIONS[1]:
        return body
    return {name: value for name, value in body.items() if name not in _REMOVED}

"""Errors as GitHub's REST API words them (https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api)."""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from simulator.rest_server import json_response

_DOCUMENTATION = "https://docs.github.com/rest"
_MESSAGES = {
    301: "Moved Permanently",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Bad credentials",
    403: "Forbidden",
    404: "Not Found",
    410: "This issue was deleted",
    422: "Validation Failed",
    429: "API rate limit exceeded",
    500: "Server Error",
}


def problem(status: int, message: str = "", *, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as GitHub words it."""
    text = message or _MESSAGES.get(status, "Error")
    body = {"message": text, "documentation_url": _DOCUMENTATION, "status": str(status)}
    return json_response(body, status=status, headers=headers)


def moved(location: str, *, status: int = 301) -> Response:
    """Return a redirect: 301 for reads, 307 for writes."""
    body = {"message": _MESSAGES[status], "url": location, "documentation_url": _DOCUMENTATION}
    return json_response(body, status=status, headers={"Location": location})


def done() -> Response:
    """Return an empty response, 204."""
    return Response(status=204)

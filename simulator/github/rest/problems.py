"""How GitHub words what it cannot or will not answer (https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api)."""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from simulator.rest import json_answer

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
    """Answer an error as GitHub words it."""
    text = message or _MESSAGES.get(status, "Error")
    body = {"message": text, "documentation_url": _DOCUMENTATION, "status": str(status)}
    return json_answer(body, status=status, headers=headers)


def moved(location: str, *, status: int = 301) -> Response:
    """Say where something is now; reads are told 301, writes 307."""
    body = {"message": _MESSAGES[status], "url": location, "documentation_url": _DOCUMENTATION}
    return json_answer(body, status=status, headers={"Location": location})


def done() -> Response:
    """Say that it was done and that there is nothing to show."""
    return Response(status=204)

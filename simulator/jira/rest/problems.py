"""Errors as Jira's REST API words them."""

from werkzeug.wrappers import Response

from simulator.rest_server import json_response

_MESSAGES = {
    401: "Client must be authenticated to access this resource.",
    404: "Issue does not exist or you do not have permission to see it.",
    429: "Rate limit exceeded.",
    500: "Internal server error",
}


def problem(status: int, message: str = "") -> Response:
    """Return an error as Jira words it."""
    text = message or _MESSAGES.get(status, "Error")
    return json_response({"errorMessages": [text], "errors": {}}, status=status)

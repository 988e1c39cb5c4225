"""A GET call as a connector makes it, to a tracker that does not exist."""

from datetime import UTC, datetime

from connectors.http import HttpClient, JsonResponse

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
URL = "https://tracker.example/issue/1"


def get(http: HttpClient | None = None) -> JsonResponse:
    """Send a GET request as a connector does."""
    return (http or HttpClient(now=lambda: NOW)).get(URL, authorization="Bearer token", params={"a": "b"})

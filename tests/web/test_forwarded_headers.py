"""Headers that proxies set count only as far as OKR_SYNC_PROXY_HOPS says."""

import pytest
from flask import Flask, request

from sync_service.runtime.wiring import Services
from sync_service.web.app import create_app
from sync_service.web.request.guards import Guard, guarded
from tests.support.example_okrs import Example

HEADERS = {
    "X-Forwarded-For": "198.51.100.1, 192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "okr.example",
    "X-Forwarded-Port": "99",
    "X-Forwarded-Path": "/evil",
    "X-Script-Name": "/evil",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "X-HTTP-Method-Override": "DELETE",
    "Forwarded": "for=198.51.100.9;proto=https;host=evil.example",
}


@guarded(Guard.OPEN)
def _echo() -> list[str | None]:
    return [request.remote_addr, request.scheme, request.host, request.script_root, request.method]


def answered(services: Services, hops: int) -> list[str | None]:
    """Return what a request with forwarded headers is taken for."""
    settings = services.settings.model_copy(update={"proxy_hops": hops})
    object.__setattr__(services, "settings", settings)
    app: Flask = create_app(services)
    app.add_url_rule("/echo", "echo", _echo)
    found: list[str | None] = app.test_client().get("/echo", headers=HEADERS).get_json()
    return found


@pytest.mark.parametrize(
    ("hops", "address", "scheme", "host"),
    [
        (0, "127.0.0.1", "http", "localhost"),
        (1, "192.0.2.7", "https", "okr.example"),
        (3, "127.0.0.1", "http", "localhost"),
    ],
)
def test_forwarded_headers_count_for_the_configured_hops(
    services: Services, example: Example, hops: int, address: str, scheme: str, host: str
) -> None:
    """Other headers never change address, path or method."""
    assert answered(services, hops) == [address, scheme, host, "", "GET"]

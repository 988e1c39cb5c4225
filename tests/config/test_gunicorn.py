"""Gunicorn: its configuration comes from our settings, and it logs through our logging."""

import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from config.gunicorn import RoutedLogger, gunicorn_options
from config.listening import bind, local_url
from config.settings import read_settings
from sync_service.web.server.worker import BoundedWorker
from tests.support.skip_guard import NO_IPV6, has_ipv6
from tests.support.wait_until import until

SERVE_GREETING = """
import sys
from config.gunicorn import WebServer, gunicorn_options
from config.listening import bind
from config.logging import set_up_logging
from config.settings import read_settings

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    body = f"good day, {scope['client'][0]} at {scope['server'][0]}"
    await send({"type": "http.response.body", "body": body.encode()})

set_up_logging("json")
bound = bind(sys.argv[1], int(sys.argv[2])).detach()
WebServer(lambda: application, gunicorn_options(read_settings(), bound=bound)).run()
"""


def test_every_option_is_one_that_gunicorn_knows() -> None:
    """Otherwise a misspelled option would appear only at the start."""
    config = Config()
    for name, value in gunicorn_options(read_settings(), bound=7).items():
        config.set(name, value)
    assert config.address == [7]
    assert issubclass(config.worker_class, BoundedWorker)
    assert config.control_socket_disable


@pytest.mark.parametrize("hops", ["0", "1"])
def test_no_header_of_a_request_changes_its_path_or_scheme(monkeypatch: pytest.MonkeyPatch, hops: str) -> None:
    """The application believes X-Forwarded-Proto as far as it is configured; the server believes nothing."""
    monkeypatch.setenv("OKR_SYNC_PROXY_HOPS", hops)
    config = Config()
    for name, value in gunicorn_options(read_settings(), bound=7).items():
        config.set(name, value)
    forwarded = "SCRIPT_NAME: /x\r\nPATH_INFO: /y\r\nX-Forwarded-Proto: https\r\nX-Forwarded-SSL: on\r\nREMOTE_ADDR: 1"
    sent = f"GET /sign-in HTTP/1.1\r\nHost: okr\r\n{forwarded}\r\n\r\n".encode()
    client = ("127.0.0.1", 5)
    with socket.socket() as unused:
        _, environ = create(next(RequestParser(config, [sent], client)), unused, client, ("127.0.0.1", 1), config)
    found = {name: environ[name] for name in ("SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme", "REMOTE_ADDR")}
    assert found == {
        "SCRIPT_NAME": "", "PATH_INFO": "/sign-in", "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip


def test_gunicorn_logs_through_the_root_logger(caplog: pytest.LogCaptureFixture) -> None:
    """Its lines have the same form as all others, and secrets are removed from them."""
    with caplog.at_level(logging.INFO):
        RoutedLogger(Config()).info("Listening at %s", "there")
    assert caplog.messages == ["Listening at there"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("127.0.0.1", "127.0.0.1"),
        pytest.param("::1", "::1", marks=pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)),
        # An IPv6 socket that an IPv4 client reaches, as one on "::" is, but on this machine only.
        pytest.param("::ffff:127.0.0.1", "127.0.0.1", marks=pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)),
    ],
)
def test_the_server_answers_on_either_family_and_stops_on_sigterm(tmp_path: Path, host: str, client: str) -> None:
    """It runs in a process of its own, as the command line starts it; an IPv4 client keeps its IPv4 address."""
    with bind(host, 0) as probe:
        port = probe.getsockname()[1]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", SERVE_GREETING, host, str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            until(lambda: answers(client, port), "the server answers")
            assert requests.get(local_url(client, port), timeout=5).text == f"good day, {client} at {client}"
        finally:
            server.send_signal(signal.SIGTERM)
        _, lines = server.communicate(timeout=15)
    assert server.returncode == 0
    assert '"logger": "gunicorn.error"' in lines
    assert not (tmp_path / ".gunicorn").exists()


def answers(host: str, port: int) -> bool:
    """Return whether a server listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as visitor:
        return visitor.connect_ex((host, port)) == 0

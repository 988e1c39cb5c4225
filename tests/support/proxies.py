"""nginx and HAProxy for tests: they run the block of docs/operations.md, on a free loopback port, with TLS or without.

The documented lines are used as they are, except for ports and paths.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.wait_until import until

DOCUMENTED = Path(__file__).parents[2] / "docs" / "operations.md"
UPSTREAM = "127.0.0.1:8080"
"""The service in the documentation."""

Kind = Literal["nginx", "haproxy"]
PathMode = Literal["none", "kept", "removed"]
"""What the proxy does with the path of the base URL."""

ABSENT = "this machine has no nginx and HAProxy, and they can't be installed"
SBIN = "/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What to run: on `port`, for the service at `upstream` (HOST:PORT), below `path`, with what it says of it."""

    kind: Kind
    port: int
    upstream: str
    mode: PathMode = "none"
    says_prefix: bool = False
    tls: Path | None = None
    """The directory of `cert.pem` and `key.pem`; None for HTTP."""


def program(kind: Kind) -> str | None:
    """Return the path of a proxy; root's programs may not be on PATH."""
    return shutil.which(kind, path=f"{os.environ.get('PATH', '')}:{SBIN}")


def can_be_had() -> bool:
    """Return whether both proxies are here; `make setup-dev` tries to install them as root."""
    return all(program(kind) for kind in ("nginx", "haproxy"))


def documented(language: Kind) -> str:
    """Return the block of the documentation for a proxy."""
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    assert UPSTREAM in found[1]
    return found[1]


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(proxy: Proxy, directory: Path) -> Iterator[None]:
    """Run a proxy until the end of the block."""
    command = _nginx(proxy, directory) if proxy.kind == "nginx" else _haproxy(proxy, directory)
    log = directory / f"{proxy.kind}.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=directory) as process:
        try:
            until(lambda: _listens(process, proxy.port, log), f"{proxy.kind} listens")
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0


def _nginx(proxy: Proxy, directory: Path) -> list[str]:
    """Write the configuration of nginx; return the command."""
    block = documented("nginx").replace(UPSTREAM, proxy.upstream)
    if proxy.mode != "none":
        block = block.replace("location / {", "location /okr/ {")
    if proxy.mode == "removed":
        block = block.replace(f"http://{proxy.upstream};", f"http://{proxy.upstream}/;")
    if proxy.says_prefix:
        block = block.replace(
            "client_max_body_size", "proxy_set_header X-Forwarded-Prefix /okr;\n client_max_body_size"
        )
    listen = f"127.0.0.1:{proxy.port}"
    if proxy.tls:
        listen += f" ssl; ssl_certificate {proxy.tls}/cert.pem; ssl_certificate_key {proxy.tls}/key.pem"
    places = " ".join(
        f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = directory / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\nserver {{ listen {listen};\n{block}\n}} }}\n"
    )
    return [program("nginx") or "nginx", "-c", str(file), "-p", str(directory), "-e", "stderr"]


def _haproxy(proxy: Proxy, directory: Path) -> list[str]:
    """Write the configuration of HAProxy; return the command."""
    block = documented("haproxy").replace(UPSTREAM, proxy.upstream)
    if proxy.mode == "removed":
        block += "    http-request replace-path /okr/?(.*) /\\1\n"
    if proxy.says_prefix:
        block += "    http-request set-header X-Forwarded-Prefix /okr\n"
    bind = f"127.0.0.1:{proxy.port}"
    if proxy.tls:
        pair = directory / "pair.pem"
        pair.write_bytes((proxy.tls / "cert.pem").read_bytes() + (proxy.tls / "key.pem").read_bytes())
        bind += f" ssl crt {pair}"
    file = directory / "haproxy.cfg"
    file.write_text(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n"
        f"frontend people\n    bind {bind}\n    default_backend okr-sync\n{block}"
    )
    return [program("haproxy") or "haproxy", "-db", "-f", str(file)]

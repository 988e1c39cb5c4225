"""SMTP servers for tests: with TLS, with passwords, or with unusual replies."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync_service.runtime.wiring import utc_now


@contextlib.contextmanager
def serving(handler: object, *, port: int = 0, tls: ssl.SSLContext | None = None, **manners: Any) -> Iterator[int]:
    """Run an SMTP server on loopback until the block ends and yield its port. `tls` starts with the first byte."""
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        guests: list[SMTP] = []

        def welcome() -> SMTP:
            guests.append(SMTP(handler, hostname="mail.test", loop=loop, **manners))
            return guests[-1]

        server = await loop.create_server(welcome, "127.0.0.1", port, ssl=tls)
        ready.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(end.set)))
        await end.wait()
        server.close()
        for guest in guests:
            # Do not abort a connection that is already closing: Python 3.11.2 fails then under TLS.
            if isinstance(guest.transport, asyncio.WriteTransport) and not guest.transport.is_closing():
                guest.transport.abort()
        await asyncio.sleep(0)  # lets the connections see that they are closed

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="other mail server")
    thread.start()
    found, stop = ready.result(timeout=10)
    try:
        yield found
    finally:
        stop()
        thread.join()


def certificate(directory: Path) -> ssl.SSLContext:
    """Write a self-signed certificate for this machine to `cert.pem` and return a server context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = utc_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context

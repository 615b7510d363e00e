"""Certificates for tests: an authority and what it signs, as files; and a server's certificate as a client sees it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from colonies_edge.apps.certificates import Certificate, new_authority, new_client_certificate, new_server_certificate
from colonies_edge.transports.system import SystemClock

needs_cryptography = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import cryptography.x509"], capture_output=True, check=False).returncode
    != 0,
    reason="cryptography is missing; install it with: apt-get install python3-cryptography",
)
DAY_NS = 86_400 * 1_000_000_000


class Issuer:
    """An authority in a folder; what it signs is written there."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.now_ns = SystemClock().wall_ns()
        self.authority = new_authority(name, self.now_ns)
        self.ca = self.write(name, self.authority)[0]

    def server(self, name: str, *hosts: str, days: int = 100, now_ns: int = 0) -> tuple[Path, Path]:
        made = new_server_certificate(self.authority, hosts or ("localhost",), now_ns or self.now_ns, days=days)
        return self.write(name, made)

    def client(self, name: str, identity: str) -> tuple[Path, Path]:
        return self.write(name, new_client_certificate(self.authority, identity, self.now_ns))

    def write(self, name: str, made: Certificate) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(made.certificate)
        key.write_bytes(made.key)
        return certificate, key


async def shown(port: int, ca: Path, host: str = "localhost", client: tuple[Path, Path] | None = None) -> list[str]:
    """The names in the certificate that a server shows a new connection. Raises ssl.SSLError for a stranger."""
    context = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        context.load_cert_chain(*map(str, client))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    try:
        certificate = writer.get_extra_info("peercert")
    finally:
        writer.close()
        await writer.wait_closed()
    return [value for _, value in certificate["subjectAltName"]]

"""Connections that are slow, huge, half open or nonsense are ended; certificates are followed while others stay."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.protocol.limits import HTTP_HEAD_BYTES_MAX
from colonies_edge.transports import http_gateway_bounds
from tests.support.certificates import Issuer
from tests.support.http import said
from tests.support.http_colony import HttpColony

SHORT_S = 0.3


@pytest.fixture
def colony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpColony]:
    monkeypatch.setattr(http_gateway_bounds, "HTTP_HEAD_S", SHORT_S)
    monkeypatch.setattr(http_gateway_bounds, "HTTP_BODY_S", SHORT_S)
    with HttpColony(tmp_path) as running:
        yield running


def connected(colony: HttpColony) -> socket.socket:
    return socket.create_connection(("127.0.0.1", colony.port), timeout=30)


def rest_of(connection: socket.socket) -> bytes:
    """Everything until the other side ends it."""
    found = b""
    try:
        while more := connection.recv(65536):
            found += more
    except ConnectionResetError:
        pass
    finally:
        connection.close()
    return found


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST /api HTTP/1.1\r\nHost: x\r\n",
        b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
    ],
    ids=["nothing", "half a head", "half a body", "half of a second request"],
)
def test_who_does_not_go_on_is_disconnected(colony: HttpColony, start: bytes) -> None:
    connection = connected(colony)
    connection.sendall(start)
    rest_of(connection)
    assert said(colony.http, "GET", "/health").status == 200


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n"]
)
def test_what_is_no_http_is_answered_and_ended(colony: HttpColony, noise: bytes) -> None:
    connection = connected(colony)
    connection.sendall(noise)
    found = rest_of(connection)
    assert found == b"" or found.startswith(b"HTTP/1.1 400")
    assert said(colony.http, "GET", "/health").status == 200


def test_a_head_without_an_end_is_not_read_for_ever(colony: HttpColony) -> None:
    connection = connected(colony)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (2 * HTTP_HEAD_BYTES_MAX))
    assert rest_of(connection).startswith(b"HTTP/1.1 400")


def test_a_request_in_small_pieces_is_a_request(colony: HttpColony) -> None:
    connection = connected(colony)
    for byte in b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        connection.sendall(bytes([byte]))
    assert rest_of(connection).startswith(b"HTTP/1.1 200")


def test_a_connection_that_idles_between_requests_is_kept(colony: HttpColony) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", colony.port)
    for _ in range(2):
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b""
    with socket.socket() as waiting:  # longer than a head may take
        waiting.settimeout(2 * SHORT_S)
        waiting.bind(("127.0.0.1", 0))
        waiting.listen()
        with pytest.raises(TimeoutError):
            waiting.accept()
    sock = connection.sock
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200 and connection.sock is sock
    connection.close()


def serial_shown(colony: HttpColony, issuer: Issuer) -> str:
    """The serial number of the certificate that a new connection sees."""
    context = ssl.create_default_context(cafile=str(issuer.ca))
    with (
        socket.create_connection(("127.0.0.1", colony.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        found = secured.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


def test_a_replaced_certificate_is_shown_to_the_next_and_changes_nothing_for_who_is_there(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    certfile, keyfile = issuer.server("server", "127.0.0.1")
    with HttpColony(tmp_path, tls=ServerTls(certfile=str(certfile), keyfile=str(keyfile))) as colony:
        context = ssl.create_default_context(cafile=str(issuer.ca))
        first = http.client.HTTPSConnection("127.0.0.1", colony.port, context=context)
        first.request("GET", "/health")
        assert first.getresponse().read() == b""
        sock = first.sock
        before = serial_shown(colony, issuer)
        issuer.server("server", "127.0.0.1")
        assert serial_shown(colony, issuer) != before
        first.request("GET", "/health")
        assert first.getresponse().status == 200 and first.sock is sock
        first.close()


def test_a_coordinator_makes_its_own_certificate_for_https(tmp_path: Path) -> None:
    with HttpColony(tmp_path, tls=ServerTls()) as colony:
        context = ssl.create_default_context(cafile=str(colony.folder / "coordinator" / "tls" / "ca.crt"))
        assert said(colony.http, "GET", "/health", tls=context).status == 200

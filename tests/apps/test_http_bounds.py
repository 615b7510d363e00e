"""Connections that are slow, huge, half open, deaf or nonsense are ended; certificates are followed meanwhile."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from colonies_edge.apps.coordinator import front_desk
from colonies_edge.apps.coordinator.serving import ServerTls
from colonies_edge.protocol.limits import HTTP_HEAD_BYTES_MAX
from colonies_edge.transports import http_gateway, http_gateway_bounds
from colonies_edge.transports.desk import Page, Shown
from tests.support.certificates import Issuer
from tests.support.http import envelope, said
from tests.support.http_colony import HttpColony

SHORT_S = 0.3
LARGE = Shown(make=lambda: Page(content_type="text/plain", body=bytes(24_000_000)))  # more than kernels take over


@pytest.fixture
def colony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpColony]:
    monkeypatch.setattr(http_gateway_bounds, "HTTP_HEAD_S", SHORT_S)
    monkeypatch.setattr(http_gateway_bounds, "HTTP_BODY_S", SHORT_S)
    with HttpColony(tmp_path) as running:
        yield running


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[HttpColony]:
    """A colony that gives as much time as any."""
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


def test_a_body_in_tiny_chunks_is_a_body(patient: HttpColony) -> None:
    head = b"POST /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = envelope({"msgtype": "versionmsg"}, None) + b" " * 20_000
    connection = connected(patient)
    connection.sendall(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
    assert rest_of(connection).startswith(b"HTTP/1.1 200")


def test_many_requests_in_one_go_are_answered_one_after_the_other(colony: HttpColony) -> None:
    connection = connected(colony)
    asked = [b"GET /health HTTP/1.1\r\nHost: x\r\n%s\r\n" % more for more in [b""] * 499 + [b"Connection: close\r\n"]]
    connection.sendall(b"".join(asked))
    assert rest_of(connection).count(b"HTTP/1.1 200") == 500


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


def asking_for_much(colony: HttpColony) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # as on a small client
    connection.settimeout(60)
    connection.connect(("127.0.0.1", colony.port))
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return connection


def test_who_does_not_read_the_answer_is_disconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway_bounds, "HTTP_UNREAD_S", SHORT_S)
    with HttpColony(tmp_path, pages={"/large": LARGE}) as colony:
        connection = asking_for_much(colony)
        assert connection.recv(1)
        time.sleep(4 * SHORT_S)
        assert len(rest_of(connection)) < 24_000_000


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_who_reads_slowly_gets_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secured: bool) -> None:
    monkeypatch.setattr(http_gateway_bounds, "HTTP_UNREAD_S", 2 * SHORT_S)
    with HttpColony(tmp_path, pages={"/large": LARGE}, tls=ServerTls() if secured else None) as colony:
        connection = socket.create_connection(("127.0.0.1", colony.port), timeout=60)
        if secured:
            ca = colony.folder / "coordinator" / "tls" / "ca.crt"
            context = ssl.create_default_context(cafile=str(ca))
            connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size = 0
        for _ in range(60):  # longer than one may read nothing
            size += len(connection.recv(65536))
            time.sleep(SHORT_S / 10)
        assert size + len(rest_of(connection)) > 24_000_000


def test_who_does_not_shake_hands_is_disconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway, "HTTP_HEAD_S", SHORT_S)
    with HttpColony(tmp_path, tls=ServerTls()) as colony:
        assert rest_of(connected(colony)) == b""


# Websockets, frame by frame: a client that keeps to the rules cannot be made to do this

UPGRADE = (
    b"GET /pubsub HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def ping(number: int) -> bytes:
    return b"\x89\xfd\0\0\0\0%0125d" % number


def pong(number: int) -> bytes:
    return b"\x8a\x7d%0125d" % number


@pytest.fixture
def websocket(patient: HttpColony) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", patient.port))
        connection.sendall(UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        yield connection


def test_who_does_not_read_gets_a_pong_to_the_latest_ping(
    websocket: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_gateway_bounds, "WEBSOCKET_FRAMES_PER_S", 1_000_000)
    count = 60_000  # more than kernels take over
    for number in range(count):
        websocket.sendall(ping(number))
    found = b""
    while not found.endswith(pong(count - 1)):
        found += websocket.recv(65536)
    assert found.startswith(pong(0) + pong(1))
    assert len(found) < count * len(pong(0))


def test_who_pings_and_never_reads_is_disconnected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway_bounds, "HTTP_UNREAD_S", SHORT_S)
    monkeypatch.setattr(http_gateway_bounds, "WEBSOCKET_FRAMES_PER_S", 1_000_000)
    with HttpColony(tmp_path) as colony, connected(colony) as connection:
        connection.sendall(UPGRADE)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            while True:
                connection.sendall(ping(0))


def test_frames_beyond_the_allowance_wait_and_none_is_lost(websocket: socket.socket) -> None:
    for number in range(150):
        websocket.sendall(ping(number))
    expected = b"".join(map(pong, range(150)))
    found = b""
    while len(found) < len(expected):
        found += websocket.recv(65536)
    assert found == expected


def test_others_have_their_turn_between_the_frames_of_one(
    patient: HttpColony, websocket: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    begun = threading.Event()

    def slowly(text: bytes, signature: str) -> str:
        looked_at.append(signature)
        begun.set()
        time.sleep(0.01)
        return "0" * 64

    monkeypatch.setattr(front_desk, "recover", slowly)
    frame = b'{"payloadtype":"subscribechannelmsg","payload":"e30=","signature":"00"}'
    websocket.sendall((b"\x81%c\0\0\0\0" % (0x80 | len(frame)) + frame) * 90)
    begun.wait()
    assert said(patient.http, "GET", "/health").status == 200
    assert len(looked_at) < 90

"""The socket under an MQTT link: connected without blocking the loop, read and written in large pieces."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from colonies_edge.protocol.errors import NoConnection, UsageError
from colonies_edge.transports.ports import TlsFailed
from colonies_edge.transports.tls_failure import words_for

_READ_BYTES = 256 * 1024
# All that may stand without a scheme. Anything more may be a scheme with a typo, and that must not turn TLS off.
_LOGIN = re.compile(r"^([A-Za-z]*:?/*).*@", re.DOTALL)  # a user and a password; neither is shown
_BARE = re.compile(r"(?!mqtts(:|$))([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to check the broker and, with a certificate, how to show who we are. Paths are PEM files."""

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    insecure: bool = False  # encrypt, but believe anybody; the signatures in the messages still hold

    def context(self) -> ssl.SSLContext:
        """Raises UsageError for files that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.cafile or None)
        except OSError as error:
            raise UsageError(f"{self.cafile} is no certificate of an authority in PEM; give another file") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certfile:
            try:
                context.load_cert_chain(self.certfile, self.keyfile or None, password=lambda: "")
            except OSError as error:
                raise UsageError(self._no_pair()) from error
        return context

    def _no_pair(self) -> str:
        wanted = "a certificate and its unencrypted key in PEM"
        if self.keyfile:
            return f"{self.certfile} and {self.keyfile} are not {wanted}; give others"
        return f"{self.certfile} does not hold {wanted}; name the key's file with COLONIES_MQTT_KEY or --tls-client-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """`mqtt://[user[:password]@]host[:port]`, or `mqtts://` for TLS."""

    host: str
    port: int
    tls: bool
    username: str = ""
    password: str = ""

    @staticmethod
    def parse(text: str) -> BrokerUrl:
        """Raises UsageError."""
        parts = urlsplit(f"mqtt://{text}" if _BARE.fullmatch(text) else text)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == -1:
            shown = _LOGIN.sub(r"\1…@", text)
            address = "mqtt://host[:port] or mqtts://host[:port]"
            raise UsageError(f"{shown!r} is no address of a broker: set COLONIES_MQTT or --mqtt to {address}")
        tls = parts.scheme == "mqtts"
        return BrokerUrl(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


async def connect(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connected, non-blocking socket with TCP_NODELAY, after the TLS handshake when there is a context.

    Without TCP_NODELAY the small acknowledgements wait for each other: 177 ms per job were measured instead of 3.8.
    """
    loop = asyncio.get_running_loop()
    failure: Exception = OSError(f"no address for {host}")
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(words_for(error, host)) from error
    for family, kind, proto, _, address in addresses:
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
            return sock if context is None else await _handshake(sock, context, host)
        except ssl.SSLError as error:
            failure = TlsFailed(words_for(error, host))
        except OSError as error:
            sock.close()
            failure = OSError(words_for(error, host))
        except BaseException:
            sock.close()
            raise
    raise failure


async def _handshake(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                await _ready(secure, writing=False)
            except ssl.SSLWantWriteError:
                await _ready(secure, writing=True)
    except BaseException:
        secure.close()
        raise


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(sock.fileno(), _wake, ready)
    try:
        await ready
    finally:
        remove(sock.fileno())


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class BufferedSocket:
    """Looks like a socket to the MQTT client, which reads byte by byte and writes packet by packet, and makes one
    system call of many: reading 100 small packets costs one `recv`, writing them one `send`."""

    __slots__ = ("_gone", "_in", "_in_at", "_out", "_sock", "failure")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._in = b""
        self._in_at = 0
        self._out = bytearray()
        self.failure = ""  # why the stream ended, if it was by an error
        self._gone = False  # end of stream, or an error: reported to the reader once the buffer is empty

    # -- the client's side

    def recv(self, size: int) -> bytes:
        at = self._in_at
        if at < len(self._in):
            piece = self._in[at : at + size]
            self._in_at = at + len(piece)
            return piece
        if self._gone:
            return b""
        raise BlockingIOError

    def send(self, data: bytes | bytearray) -> int:
        self._out += data
        return len(data)

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """It stays non-blocking whatever is asked."""

    def pending(self) -> int:
        return len(self._in) - self._in_at

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.flush()
        self._sock.close()

    # -- the loop's side

    def fill(self) -> None:
        """Read what the kernel has. After an end or an error the client sees the end of the stream."""
        pieces = [self._in[self._in_at :]] if self.pending() else []
        try:
            pieces.append(self._sock.recv(_READ_BYTES))
            # One TLS record is 16 KiB; the rest waits inside the TLS object, where no selector sees it.
            while pieces[-1] and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                pieces.append(self._sock.recv(_READ_BYTES))
            self._gone = not pieces[-1]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._gone = True
            self.failure = words_for(error, "")
        self._in, self._in_at = b"".join(pieces), 0

    def flush(self) -> bool:
        """Write what is waiting; True when nothing is left."""
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            self.vanish()
        return True

    def vanish(self) -> None:
        """Forget what was to be read and written: the client sees the end of the stream."""
        self._gone = True
        self._in = b""
        self._in_at = 0
        self._out.clear()


def no_answer(url: BrokerUrl, sock: BufferedSocket | None) -> NoConnection:
    """Why a broker that was reached said nothing."""
    if sock is not None and sock.failure:
        return TlsFailed(sock.failure) if url.tls else NoConnection(sock.failure)
    hint = "; if that is a port for TLS, the address begins with mqtts://"
    if url.tls:  # in TLS 1.3 the handshake is over for us before the broker has looked at what we showed
        hint = "; if it demands a client certificate, set COLONIES_MQTT_CERT and COLONIES_MQTT_KEY"
    return NoConnection(f"the broker closed the connection without an answer{hint}")


def no_answer_yet(url: BrokerUrl) -> NoConnection:
    """A broker without TLS waits for the rest of what it takes for a packet, and says nothing."""
    return NoConnection("no answer yet" + ("; if it serves no TLS, the address begins with mqtt://" if url.tls else ""))

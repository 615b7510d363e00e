"""A server's certificate as files, and a TLS context that follows them: whoever replaces the files restarts nothing."""

from __future__ import annotations

import logging
import os
import ssl
from typing import TypeAlias

from colonies_edge.protocol.errors import UsageError

_log = logging.getLogger(__name__)

_Stamp: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"


class CertificateFiles:
    """`context` serves connections; each new one is shown the certificate that the files hold by then. Connections that
    are up stay as they are.

    The files are looked at when somebody connects, which costs three calls of `stat` beside a handshake, and needs no
    task that somebody would have to stop. While they do not fit together, because one of them was replaced and the
    other not yet, the certificate from before is shown.
    """

    def __init__(self, certfile: str, keyfile: str = "", *, clients: str = "", demanded: bool = False) -> None:
        """`clients` is the authority of client certificates, which are asked for, and with `demanded` insisted on.
        Raises UsageError for files that cannot be used."""
        self._certfile, self._keyfile, self._clients = certfile, keyfile or certfile, clients
        self._paths = tuple(path for path in (certfile, self._keyfile, clients) if path)
        self._demanded = demanded
        self._seen = self._stamp()
        try:
            self._current = self._load()
            self.context = self._load()
        except OSError as error:
            raise UsageError(self._reason_of(error)) from error
        self.context.sni_callback = self._greet

    def _greet(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called within each handshake, whether the client named a host or not, before a certificate is chosen."""
        self.refresh()
        connection.context = self._current

    def refresh(self) -> bool:
        """Look at the files now; whether they were loaded anew. Files that cannot be used are said once."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self._current = self._load()
        except OSError as error:
            _log.warning("%s; the certificate from before is used on", self._reason_of(error))
            return False
        _log.info("%s was replaced, new connections get it", self._certfile)
        return True

    def _reason_of(self, error: OSError) -> str:
        files = " and ".join(dict.fromkeys((self._certfile, self._keyfile)))
        if not isinstance(error, ssl.SSLError):
            return f"{error.filename or files}: {error.strerror or error}"
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{files} do not belong together: name the key with which this certificate was asked for"
        return f"{files} are not a certificate and its key in PEM, or the key is encrypted: a service needs it plain"

    def _load(self) -> ssl.SSLContext:
        for path in self._paths:
            with open(path, "rb"):  # the ssl module does not say which file it cannot read
                pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A session that is taken up again skips the certificates: one that was withdrawn meanwhile would count on.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.load_cert_chain(self._certfile, self._keyfile, password=_no_password)
        if self._clients:
            context.load_verify_locations(self._clients)
            context.verify_mode = ssl.CERT_REQUIRED if self._demanded else ssl.CERT_OPTIONAL
        return context

    def _stamp(self) -> _Stamp:
        return tuple(_stamp_of(path) for path in self._paths)


def _no_password() -> str:
    """OpenSSL would otherwise ask on the terminal, and stop everything until somebody answers."""
    return ""


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

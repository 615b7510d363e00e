"""The coordinator's own authority and certificates in a folder: made, renewed before they end, replaced in one step."""

from __future__ import annotations

import logging
import os
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colonies_edge.apps.certificates import (
    AUTHORITY_DAYS,
    RENEWED_SERVER_DAYS,
    Certificate,
    Facts,
    new_authority,
    new_client_certificate,
    new_server_certificate,
    read_facts,
)
from colonies_edge.client.whole_file import write_whole
from colonies_edge.protocol.errors import UsageError

_log = logging.getLogger(__name__)

FOLDER = "tls"  # below the coordinator's data folder
AUTHORITY_NAME = "colonies-edge authority"
# A third of its life before the end: nobody has to be quick, and a month of failures to renew does no harm.
RENEW_DAYS_LEFT = RENEWED_SERVER_DAYS // 3
AUTHORITY_WARNING_DAYS = AUTHORITY_DAYS // 30  # a year: every device needs the next one before
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class TlsFolder:
    """`ca.crt` and `ca.key`, `server.crt` and `server.key`, and below `clients` a pair per device."""

    path: Path

    @property
    def ca_crt(self) -> Path:
        return self.path / "ca.crt"

    @property
    def ca_key(self) -> Path:
        return self.path / "ca.key"

    @property
    def server_crt(self) -> Path:
        return self.path / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.path / "server.key"

    @property
    def clients(self) -> Path:
        return self.path / "clients"

    # Making

    def init(self, hosts: tuple[str, ...], now_ns: int) -> Facts:
        """An authority, if there is none, and a server certificate for these hosts and those it was for before."""
        fresh = not self.path.exists()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if fresh and os.geteuid() == 0:  # below a folder of the service's user
            above = self.path.parent.stat()
            shutil.chown(self.path, above.st_uid, above.st_gid)
        if not self.ca_crt.exists():
            self._write_pair(self.ca_crt, self.ca_key, new_authority(AUTHORITY_NAME, now_ns))
        before = self.facts(self.server_crt).hosts if self.server_crt.exists() else ()
        return self.new_server((*hosts, *before), now_ns)

    def new_server(self, hosts: tuple[str, ...], now_ns: int) -> Facts:
        """A new server certificate, with a new key; a running coordinator shows it to whoever connects next."""
        made = new_server_certificate(self.authority(), hosts, now_ns, days=RENEWED_SERVER_DAYS)
        self._write_pair(self.server_crt, self.server_key, made)
        return read_facts(made.certificate)

    def new_client(self, name: str, identity: str, now_ns: int) -> tuple[Path, Path]:
        """A certificate and key for a client; those of the same name from before are replaced."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is to be the name of files: use letters, digits, '.', '_', '-'")
        made = new_client_certificate(self.authority(), identity, now_ns)
        self.clients.mkdir(mode=0o700, exist_ok=True)
        self._give_to_owner(self.clients)
        certificate, key = self.clients / f"{name}.crt", self.clients / f"{name}.key"
        self._write_pair(certificate, key, made)
        return certificate, key

    # Renewing

    def renew_if_due(self, now_ns: int) -> bool:
        """Renew the server certificate when it is due. Raises OSError, UsageError, and what certificates raise."""
        facts = self.facts(self.server_crt)
        if facts.days_left(now_ns) > RENEW_DAYS_LEFT:
            return False
        self.new_server(facts.hosts, now_ns)
        return True

    # Reading

    def facts(self, path: Path) -> Facts:
        try:
            return read_facts(path.read_bytes())
        except FileNotFoundError:
            raise UsageError(f"{path} is not there; `colonies-edge tls init` makes it") from None
        except ValueError as error:
            raise UsageError(
                f"{path} is no certificate in PEM; move it away and run `colonies-edge tls init`"
            ) from error

    def authority(self) -> Certificate:
        try:
            return Certificate(certificate=self.ca_crt.read_bytes(), key=self.ca_key.read_bytes())
        except FileNotFoundError as missing:
            remedy = (
                "put it back to sign certificates" if self.ca_crt.exists() else "`colonies-edge tls init` makes one"
            )
            raise UsageError(f"{missing.filename} is not there; {remedy}") from None

    def all_certificates(self) -> list[Path]:
        found = [self.ca_crt, self.server_crt, *sorted(self.clients.glob("*.crt"))]
        return [path for path in found if path.exists()]

    # Writing

    def _write_pair(self, certificate: Path, key: Path, made: Certificate) -> None:
        """The key first: a certificate without its key serves nobody, and who reads in between keeps the pair from
        before. As root, the files belong to whoever owns the folder: a service user must be able to read them."""
        for path, data, mode in ((key, made.key, 0o600), (certificate, made.certificate, 0o644)):
            write_whole(path, data, prepare=partial(self._hand_over, mode=mode))

    def _hand_over(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        self._give_to_owner(path)

    def _give_to_owner(self, path: Path) -> None:
        owner = self.path.stat()
        if os.geteuid() == 0 and owner.st_uid:
            shutil.chown(path, owner.st_uid, owner.st_gid)


def renew(folder: TlsFolder, now_ns: int) -> None:
    """What a running coordinator does now and then: renew what is due, and say what it cannot."""
    try:
        if folder.renew_if_due(now_ns):
            _log.warning("the server's certificate was renewed; new connections get it")
        left = folder.facts(folder.ca_crt).days_left(now_ns)
        if left < AUTHORITY_WARNING_DAYS:
            _log.warning(
                "the authority %s ends in %d days: make a new one, and give it to all devices", folder.ca_crt, left
            )
    except Exception as error:  # whatever it is, the coordinator's work goes on with the certificate that is there
        _log.warning("the server's certificate was not renewed: %s", error)

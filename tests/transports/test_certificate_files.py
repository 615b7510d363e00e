"""Certificates in files, and servers that follow them: replaced, half replaced, spoilt; and what clients must show."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from colonies_edge.protocol.errors import UsageError
from colonies_edge.transports import broker_core
from colonies_edge.transports.admission import Access, Admission, Credentials
from colonies_edge.transports.broker import EmbeddedBroker, Listen
from colonies_edge.transports.certificate_files import CertificateFiles
from tests.support.certificates import Issuer, needs_cryptography, shown

pytestmark = needs_cryptography


def nobody(_: Credentials) -> Admission:
    return Admission(access=Access.REFUSED)


@asynccontextmanager
async def serving(files: CertificateFiles) -> AsyncIterator[int]:
    """Answers every line with the same line."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=files.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def test_whoever_connects_after_the_files_were_replaced_gets_the_new_certificate(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    crt, key = issuer.server("server", "localhost", "127.0.0.1", "old")
    files = CertificateFiles(str(crt), str(key))

    async def scene() -> None:
        async with serving(files) as port:
            context = ssl.create_default_context(cafile=str(issuer.ca))
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            assert "old" in await shown(port, issuer.ca)
            issuer.server("server", "localhost", "127.0.0.1", "new")
            assert "new" in await shown(port, issuer.ca)
            assert "new" in await shown(port, issuer.ca, host="127.0.0.1"), "by address, so without SNI"
            writer.write(b"still here\n")
            assert await reader.readline() == b"still here\n", "a connection that is up stays"
            writer.close()
            await writer.wait_closed()

    asyncio.run(scene())


def test_while_certificate_and_key_do_not_fit_the_one_from_before_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(tmp_path)
    crt, key = issuer.server("server", "localhost", "old")
    new_crt, new_key = issuer.server("next", "localhost", "new")
    files = CertificateFiles(str(crt), str(key))

    async def scene() -> None:
        async with serving(files) as port:
            shutil.copy(new_crt, crt)
            assert "old" in await shown(port, issuer.ca)
            assert "old" in await shown(port, issuer.ca)
            shutil.copy(new_key, key)
            assert "new" in await shown(port, issuer.ca)
            crt.unlink()
            assert "new" in await shown(port, issuer.ca)

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    said = [record.message for record in caplog.records if "from before is used on" in record.message]
    assert len(said) == 2, "once for each state of the files, not at every connection"
    assert "do not belong together" in said[0] and "No such file" in said[1]


def test_another_authority_of_clients_counts_from_the_next_connection_on(tmp_path: Path) -> None:
    issuer, other = Issuer(tmp_path), Issuer(tmp_path, "other")
    crt, key = issuer.server("server")
    mine, theirs = issuer.client("mine", "a" * 64), other.client("theirs", "b" * 64)
    trusted = tmp_path / "trusted.crt"
    shutil.copy(issuer.ca, trusted)
    files = CertificateFiles(str(crt), str(key), clients=str(trusted), demanded=True)

    async def echoed(port: int, client: tuple[Path, Path] | None) -> bool:
        context = ssl.create_default_context(cafile=str(issuer.ca))
        if client is not None:
            context.load_cert_chain(*map(str, client))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            writer.write(b"x\n")
            answer = await reader.readline()
            writer.close()
        except OSError:
            return False
        return answer == b"x\n"

    async def scene() -> None:
        async with serving(files) as port:
            assert [await echoed(port, client) for client in (mine, theirs, None)] == [True, False, False]
            shutil.copy(other.ca, trusted)
            assert [await echoed(port, client) for client in (mine, theirs, None)] == [False, True, False]
            assert not await echoed(port, (crt, key)), "a server's certificate is no client's"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("none.crt", "server.key", "none.crt: No such file"),
        ("server.crt", "none.key", "none.key: No such file"),
        ("server.crt", "other.key", "do not belong together"),
        ("server.key", "server.key", "not a certificate and its key in PEM"),
        ("text", "text", "not a certificate and its key in PEM"),
        ("server.crt", "locked.key", "or the key is encrypted"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, certificate: str, key: str, said: str) -> None:
    from cryptography.hazmat.primitives import serialization

    issuer = Issuer(tmp_path)
    _, plain = issuer.server("server")
    issuer.server("other")
    (tmp_path / "text").write_text("hello")
    loaded = serialization.load_pem_private_key(plain.read_bytes(), None)
    locked = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.key").write_bytes(locked)
    with pytest.raises(UsageError) as found:
        CertificateFiles(str(tmp_path / certificate), str(tmp_path / key))
    assert said in str(found.value) and "\n" not in str(found.value)


def test_who_says_nothing_to_a_tls_port_does_not_keep_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_core, "HANDSHAKE_S", 0.2)
    crt, key = Issuer(tmp_path).server("server")

    async def scene() -> None:
        broker = EmbeddedBroker(Listen(port=0, certfile=str(crt), keyfile=str(key)), admit=nobody)
        await broker.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.ports[0])
        assert await reader.read() == b"", "closed, without a word"
        writer.close()
        await broker.close()

    asyncio.run(scene())

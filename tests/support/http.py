"""Callers of the HTTP gateway as existing SDKs are: an envelope in a POST, and nothing but the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from colonies_edge.crypto.identity import Signer


@dataclass(frozen=True)
class Said:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        assert set(found) == {"payloadtype", "payload", "error"}, found
        assert found["error"] == (self.status != 200)
        return found

    @property
    def value(self) -> Any:
        return json.loads(base64.b64decode(self.envelope["payload"], validate=True))


def envelope(message: Mapping[str, Any], signer: Signer | None, *, payloadtype: str | None = None) -> bytes:
    """A request as it travels."""
    payload = base64.b64encode(json.dumps(message).encode()).decode()
    signature = signer.sign(payload.encode()) if signer is not None else ""
    kind = message["msgtype"] if payloadtype is None else payloadtype
    return json.dumps({"payloadtype": kind, "payload": payload, "signature": signature}).encode()


def said(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Said:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.hostname, parts.port, context=tls)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Said(response.status, {key.lower(): text for key, text in response.getheaders()}, response.read())
    finally:
        connection.close()


def post(url: str, body: bytes, **more: Any) -> Said:
    """One request to the one path there is for requests."""
    return said(url, "POST", "/api", body, **more)


def ask(url: str, signer: Signer | None, msgtype: str, **fields: Any) -> tuple[int, Any]:
    """Status and reply."""
    found = post(url, envelope({"msgtype": msgtype, **fields}, signer))
    return found.status, found.value


def do(url: str, signer: Signer | None, msgtype: str, **fields: Any) -> Any:
    """The reply of a call that must succeed."""
    status, reply = ask(url, signer, msgtype, **fields)
    assert status == 200, f"{msgtype}: {status} {reply}"
    return reply

"""Flags of the HTTP gateway, and what is said about it when the coordinator runs."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from colonies_edge.apps.cli.command import flag
from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.numbers import listen_address
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Http

HTTP_FLAGS = (
    flag(
        "--http",
        type=listen_address,
        metavar="HOST:PORT",
        help="serve HTTP there, too, for Colonies SDKs, tools and dashboards (127.0.0.1:50080 is their usual place)",
    ),
    flag("--http-cert", metavar="FILE", help="certificate of the HTTP gateway, PEM; read again when it changes"),
    flag("--http-key", metavar="FILE", help="its key, when it is not in the same file"),
    flag("--http-stamped", action="store_true", help="refuse HTTP requests without msgid and ts"),
)


def http_of(
    where: tuple[str, int] | None, certfile: str | None, keyfile: str | None, *, stamps_required: bool
) -> Http | None:
    """The gateway that the flags ask for. Raises UsageError for flags that make no sense together."""
    from colonies_edge.apps.coordinator import Http

    if where is None:
        if certfile or keyfile or stamps_required:
            raise UsageError("--http-cert, --http-key and --http-stamped say how to serve HTTP; add --http HOST:PORT")
        return None
    if keyfile and not certfile:
        raise UsageError("--http-key is the key of a certificate; add --http-cert FILE")
    host, port = where
    return Http(host=host, port=port, certfile=certfile or "", keyfile=keyfile or "", stamps_required=stamps_required)


def tell_of_http(console: Console, url: str, host: str) -> None:
    """Where the gateway is, and that everybody can read along when it is."""
    if not url:
        return
    console.info(f"HTTP at {url}")
    if urlsplit(url).scheme == "http" and not is_loopback(host):
        console.warn(
            f"HTTP at {url} can be reached from outside and is not encrypted: whoever listens reads everything, and can"
            " send requests without msgid again; give it --http-cert and --http-key, or --http 127.0.0.1:PORT"
        )


def is_loopback(host: str) -> bool:
    """Is this an address of this machine that no other machine reaches?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Flags of the HTTP gateway, and what is said about it when the coordinator runs."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from colonies_edge.apps.cli.command import flag, switch
from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.numbers import listen_address
from colonies_edge.apps.cli.session import Session
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
    switch("--http-tls", help="serve HTTPS there, with a certificate of one's own authority (`tls init`)"),
    flag("--http-cert", metavar="FILE", help="serve HTTPS there with this certificate and those above it (PEM)"),
    flag("--http-key", metavar="FILE", help="the key of --http-cert, where it is not in the same file"),
    switch("--http-stamped", help="refuse HTTP requests without msgid and ts, which could be replayed"),
)


def http_of(session: Session) -> Http | None:
    """The gateway that the flags ask for. Raises UsageError for flags that make no sense together."""
    from colonies_edge.apps.coordinator import Http
    from colonies_edge.apps.coordinator.serving import ServerTls

    args = session.args
    if args.http is None:
        if args.http_tls or args.http_cert or args.http_key or args.http_stamped:
            raise UsageError("--http-tls, --http-cert, --http-key and --http-stamped go with --http HOST:PORT")
        return None
    if args.http_key and not args.http_cert:
        raise UsageError("--http-key goes with --http-cert; with --http-tls alone the certificate is made here")
    host, port = args.http
    tls = None
    if args.http_tls or args.http_cert:
        tls = ServerTls(certfile=args.http_cert or "", keyfile=args.http_key or "")
    return Http(host=host, port=port, tls=tls, stamps_required=args.http_stamped)


def tell_of_http(console: Console, url: str, host: str) -> None:
    """Where the gateway is, and that everybody can read along when it is."""
    if not url:
        return
    console.info(f"HTTP at {url}")
    if urlsplit(url).scheme == "http" and not is_loopback(host):
        console.warn(
            f"HTTP at {url} can be reached from outside and is not encrypted: whoever listens reads everything, and can"
            " send requests without msgid again; add --http-tls, or --http-cert FILE, or listen on 127.0.0.1 only"
        )


def is_loopback(host: str) -> bool:
    """Is this an address of this machine that no other machine reaches?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

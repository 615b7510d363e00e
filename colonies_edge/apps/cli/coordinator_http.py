"""What the flags of the HTTP gateway mean, and what is said about it when the coordinator runs."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.session import Session
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.apps.coordinator import Http


def http_of(session: Session) -> Http | None:
    """The gateway that the flags ask for. Raises UsageError for flags that make no sense together."""
    from colonies_edge.apps.coordinator import Http
    from colonies_edge.apps.coordinator.serving import ServerTls
    from colonies_edge.apps.dashboard import pages

    args = session.args
    if args.http is None:
        names = ("http_tls", "http_cert", "http_key", "http_stamped", "http_viewer", "metrics_for_all")
        if any(getattr(args, name) for name in names):
            raise UsageError("--http-… and --metrics-for-all say how to serve HTTP; add --http HOST:PORT")
        return None
    if args.http_key and not args.http_cert:
        raise UsageError("--http-key goes with --http-cert; with --http-tls alone the certificate is made here")
    if args.http_viewer and not session.config.colonyname:
        raise UsageError("--http-viewer is a user of a colony: name that with --colonyname or COLONIES_COLONY_NAME")
    host, port = args.http
    tls = None
    if args.http_tls or args.http_cert:
        tls = ServerTls(certfile=args.http_cert or "", keyfile=args.http_key or "")
    return Http(
        host=host,
        port=port,
        tls=tls,
        stamps_required=args.http_stamped,
        metrics_for_all=args.metrics_for_all,
        viewer=args.http_viewer or "",
        pages=pages(session.config.colonyname if args.http_viewer else ""),
    )


def tell_of_http(console: Console, url: str, host: str) -> None:
    """Where the gateway is, and that everybody can read along when it is."""
    if not url:
        return
    console.info(f"HTTP at {url}")
    console.info(f"The dashboard, for a browser: {url}/")
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

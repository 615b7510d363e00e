"""The dashboard: pages for a browser, as the gateway serves them; everything that happens in them, happens there."""

import gzip
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from importlib.resources import files
from json import dumps
from typing import Any

from colonies_edge.transports.desk import Page, Shown

PREFIX = "/dashboard/"
START = "index.html"  # at / too
VIEWER = "viewer"  # asked for by pages without keys
# What a browser may be given; the lock of the vendored code is for people.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing from elsewhere, nothing inline, no frames, no forms that leave, and no text that becomes HTML: the last one is
# `require-trusted-types-for`. `'self'` of connect-src covers the websocket of the same host and port.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # Asked for again each time, and answered with 304: a page and its modules are always of one version.
    "cache-control": "no-cache",
    "vary": "accept-encoding",
}


def pages(viewed_colony: str = "") -> Mapping[str, Shown]:
    """What is served, by path. Read once, from the package, which may be inside a zip; 400 KB with the compressed.

    `viewed_colony` is the colony that may be looked at without a key, on this machine.
    """
    static = _files(files(__package__) / "static", "")
    found = {PREFIX + name: _page(CONTENT_TYPES[_suffix(name)], file.read_bytes()) for name, file in static}
    found["/"] = found[PREFIX + START]
    shown = {path: Shown(make=partial(_same, page)) for path, page in found.items()}
    viewer = _page("application/json", dumps({"colonyname": viewed_colony}).encode())
    return {**shown, PREFIX + VIEWER: Shown(make=partial(_same, viewer), local=bool(viewed_colony))}


def _same(page: Page) -> Page:
    return page


def _files(folder: Any, prefix: str) -> Iterator[tuple[str, Any]]:  # Traversable moves between Python's versions
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif _suffix(entry.name) in CONTENT_TYPES:
            yield prefix + entry.name, entry


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2]


def _page(kind: str, body: bytes) -> Page:
    headers = {**HEADERS, "etag": f'"{sha256(body).hexdigest()[:32]}"'}
    return Page(content_type=kind, body=body, gzipped=gzip.compress(body, 9, mtime=0), headers=headers)

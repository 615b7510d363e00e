"""What the gateway answers to which path, as a starlette application; what a request means is the desk's affair."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Mapping
from socket import gethostname

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from colonies_edge.protocol.limits import WEBSOCKET_BACKLOG_MAX
from colonies_edge.transports.desk import Desk, Shown

_TEXT = "text/plain; charset=utf-8"
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")  # what proxies add
_DONE = 1000  # close code of an ordinary end
_NOBODY_READS = 1013  # close code "try again later": the client does not take its events as fast as they come
_NOT_UNDERSTOOD = 1008  # close code of a frame that is no request
# Browsers ask first, and upstream allows everything (protocol-core.md 1.1): authority comes from signatures alone.
_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
    "access-control-allow-headers": "Origin,Content-Length,Content-Type",
    "access-control-max-age": "43200",
}


def application(desk: Desk, pages: Mapping[str, Shown], message_bytes_max: int) -> ASGIApp:
    """All paths; `pages` are GETs of whoever runs the gateway."""
    shown = {"/health": Shown(make=desk.health), **pages}
    routes = [
        Route("/api", _Api(desk, message_bytes_max), methods=["POST"]),
        WebSocketRoute("/pubsub", _Pubsub(desk)),
        Route("/pubsub", _Fixed(Response("Bad Request\n", 400, media_type="text/plain")), methods=["GET"]),
        *(Route(path, _Showing(page), methods=["GET"]) for path, page in shown.items()),
    ]
    return _Preflight(Router(routes, redirect_slashes=False, default=_unknown))


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close()
        return
    await Response("404 page not found", 404, media_type="text/plain")(scope, receive, send)


class _Preflight:
    """OPTIONS of any path."""

    def __init__(self, app: Router) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    """Does the caller run on this machine? A proxy here makes everybody local: let it ask for less."""
    client = scope.get("client")
    return client is not None and _is_loopback(client[0])


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_at_home(scope: Scope) -> bool:
    """Did a program of this machine ask, or a page of this gateway in a browser here?

    Not a page from elsewhere that runs in that browser (its origin is another), not one that a name server leads here
    under its own name (the host is another), and nobody whom a proxy here speaks for. The machine's own name is fine:
    where it means this machine it stands in /etc/hosts, and no name server is asked.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not _is_local(scope) or any(one in headers for one in _FORWARDED):
        return False
    known = name.lower() in ("localhost", gethostname().lower())
    if not known and not _is_loopback(name.removeprefix("[").removesuffix("]")):
        return False
    return headers.get("origin", "") in ("", f"http://{host}", f"https://{host}")


_NOT_HERE = "Only for programs of this machine, which call it localhost\n"


class _Fixed:
    """Always the same."""

    def __init__(self, response: Response) -> None:
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._response(scope, receive, send)


class _Showing:
    """A page as it is now."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._shown.local and not is_at_home(scope):
            await Response(_NOT_HERE, 403, media_type="text/plain")(scope, receive, send)
            return
        page = self._shown.make()
        asked, headers = Headers(scope=scope), {**page.headers, "content-type": page.content_type}
        etag = headers.get("etag")
        if etag is not None and etag in asked.get("if-none-match", ""):
            await Response(status_code=304, headers=dict(page.headers))(scope, receive, send)
            return
        body = page.body
        if page.gzipped and "gzip" in asked.get("accept-encoding", ""):
            body = page.gzipped
            headers["content-encoding"] = "gzip"
        await Response(body, page.status, headers=headers)(scope, receive, send)


class _Api:
    """POST /api: one request, one answer, however long that takes."""

    def __init__(self, desk: Desk, message_bytes_max: int) -> None:
        self._desk = desk
        self._body_bytes_max = message_bytes_max + 1  # one more is enough for the desk to see that it is too large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(receive)
        if body is None:
            return
        waiter = self._desk.ask(body, is_at_home(scope))
        if not waiter.done():
            leaving = asyncio.ensure_future(receive())  # returns when the caller goes away
            try:
                await asyncio.wait((waiter, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not waiter.done():
                    waiter.cancel()
            if waiter.cancelled():
                return
        answer = waiter.result()
        headers = [(b"content-type", _TEXT.encode()), (b"content-length", str(len(answer.body)).encode())]
        if any(name == b"origin" for name, _ in scope["headers"]):
            headers.append((b"access-control-allow-origin", b"*"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _body(self, receive: Receive) -> bytes | None:
        """What was sent, or as much of it as shows that it is too large; None when the caller went away meanwhile."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message["body"])
            size += len(message["body"])
            if not message.get("more_body") or size >= self._body_bytes_max:
                return b"".join(parts)


class _Pubsub:
    """The websocket: requests to subscribe come in, events go out in frames of the kind that the client uses."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        text = [True]  # what the client used last

        def say(frame: bytes) -> None:
            outgoing.put_nowait(frame)
            if outgoing.qsize() > WEBSOCKET_BACKLOG_MAX:
                sender.cancel()

        listener = self._desk.listen(say, lambda: outgoing.put_nowait(None), is_at_home(scope))
        sender = asyncio.create_task(_send_all(socket, outgoing, text))
        hearer = asyncio.create_task(_hear_all(socket, listener.hear, text))
        try:
            await asyncio.wait((sender, hearer), return_when=asyncio.FIRST_COMPLETED)
            code = hearer.result() if hearer.done() else _NOBODY_READS if sender.cancelled() else _DONE
            await _close(socket, code)
        finally:
            listener.gone()
            for task in (sender, hearer):
                task.cancel()
            await asyncio.gather(sender, hearer, return_exceptions=True)


async def _send_all(socket: WebSocket, outgoing: asyncio.Queue[bytes | None], text: list[bool]) -> None:
    """Until there is nothing more to come, or nobody to send it to."""
    with contextlib.suppress(WebSocketDisconnect):
        while (frame := await outgoing.get()) is not None:
            await (socket.send_text(frame.decode()) if text[0] else socket.send_bytes(frame))


async def _hear_all(socket: WebSocket, hear: Callable[[bytes], bool], text: list[bool]) -> int:
    """Until the client leaves or says what nobody understands; the close code."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return _DONE
        text[0] = message.get("text") is not None
        frame = message["text"].encode("utf-8", "replace") if text[0] else message["bytes"]
        if not hear(frame):
            return _NOT_UNDERSTOOD
        await asyncio.sleep(0)  # with more frames in the queue, `receive` does not wait


async def _close(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it was closed by the other side
        await socket.close(code)

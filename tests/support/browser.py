"""A real Chromium without a window, spoken to over its own debugging protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 30.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
INSTALL = "apt-get install chromium"

# Resolves with the value as soon as it is true; looks again when something changes, moves or gets the keyboard.
_UNTIL = """
new Promise((resolve) => {
  const look = () => {
    let value = false;
    try { value = (() => (%s))(); } catch { value = false; }
    if (!value) return false;
    observer.disconnect();
    for (const one of events) removeEventListener(one, look);
    resolve(value === true || typeof value !== "object" ? value : true);
    return true;
  };
  const events = ["hashchange", "focusin", "scroll"];
  const observer = new MutationObserver(look);
  if (look()) return;
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  for (const one of events) addEventListener(one, look);
})
"""


class ScriptFailed(AssertionError):
    """A script threw in the page, or what was waited for did not come."""


class Browser:
    """One page. `problems` are errors on its console, of its scripts, of its policy; `requests` what it asked for."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("chromium")
        if program is None:
            pytest.skip(f"no chromium: {INSTALL}")
        profile = folder / "profile"
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.frames: list[str] = []  # that came over websockets
        self._number = 0
        self._replies: dict[int, dict[str, Any]] = {}
        self._loaded: list[str] = []  # which loadings have ended
        self._socket = self._connected()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.say(f"{domain}.enable")
        self.say("Page.setLifecycleEventsEnabled", enabled=True)

    def _connected(self) -> ClientConnection:
        listening: Future[str] = Future()
        self._reader = threading.Thread(target=self._read_stderr, args=(listening,), name="chromium")
        self._reader.start()
        port = listening.result(PATIENCE_S)
        with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in json.load(answer) if one["type"] == "page"]
        return connect(pages[0]["webSocketDebuggerUrl"], max_size=None)

    def _read_stderr(self, listening: Future[str]) -> None:
        """To its end, for a full pipe would stop the browser."""
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if line.startswith("DevTools listening on ") and not listening.done():
                listening.set_result(line.split("ws://", 1)[1].split("/", 1)[0].rsplit(":", 1)[1])
        if not listening.done():
            listening.set_exception(AssertionError("chromium ended: " + "".join(said)))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ConnectionClosed):
            self.say("Browser.close")
        self._socket.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    # -- the protocol

    def say(self, method: str, /, window: str = "", **params: Any) -> dict[str, Any]:
        """A command, to this page or to another window's, and its result."""
        self._number += 1
        number = self._number
        to = {"sessionId": window} if window else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": params, **to}))
        until = time.monotonic() + PATIENCE_S  # in all: a page that asks for something now and then is never silent
        while number not in self._replies:
            self._receive(max(0.0, until - time.monotonic()))
        reply = self._replies.pop(number)
        assert "error" not in reply, f"{method}: {reply['error']}"
        result: dict[str, Any] = reply["result"]
        return result

    def _receive(self, patience_s: float) -> None:
        message = json.loads(self._socket.recv(timeout=patience_s))
        if "id" in message:
            self._replies[message["id"]] = message
            return
        handler = self._HANDLERS.get(message["method"])
        if handler is not None:
            handler(self, message["params"])

    def _console(self, params: dict[str, Any]) -> None:
        if params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))

    def _thrown(self, params: dict[str, Any]) -> None:
        details = params["exceptionDetails"]
        self.problems.append(details.get("exception", {}).get("description") or details["text"])

    def _entry(self, params: dict[str, Any]) -> None:
        entry = params["entry"]
        if entry["level"] in ("error", "warning"):
            self.problems.append(f"{entry['text']} {entry.get('url', '')}".strip())

    def _asked(self, params: dict[str, Any]) -> None:
        self.requests.append(f"{params['request']['method']} {params['request']['url']}")

    def _opened(self, params: dict[str, Any]) -> None:
        self.requests.append(f"WEBSOCKET {params['url']}")

    def _lifecycle(self, params: dict[str, Any]) -> None:
        if params["name"] == "load":
            self._loaded.append(params["loaderId"])

    def _frame(self, params: dict[str, Any]) -> None:
        self.frames.append(params["response"]["payloadData"])

    _HANDLERS: ClassVar[dict[str, Callable[[Browser, dict[str, Any]], None]]] = {
        "Runtime.consoleAPICalled": _console,
        "Runtime.exceptionThrown": _thrown,
        "Log.entryAdded": _entry,
        "Page.lifecycleEvent": _lifecycle,
        "Network.requestWillBeSent": _asked,
        "Network.webSocketCreated": _opened,
        "Network.webSocketFrameReceived": _frame,
    }

    # -- what a person does

    def open(self, url: str) -> None:
        """Load a page, also when it is there already, and wait until it and its scripts are there."""
        for address in ("about:blank", url):  # else nothing is loaded when only what follows the # is another
            loader = self.say("Page.navigate", url=address)["loaderId"]
            while loader not in self._loaded:
                self._receive(PATIENCE_S)

    def another(self, url: str) -> str:
        """One more window, for `run`."""
        target = self.say("Target.createTarget", url=url, newWindow=True)["targetId"]
        return str(self.say("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def run(self, script: str, window: str = "") -> Any:
        """The value of an expression; of a promise, what it is resolved with."""
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        result = self.say("Runtime.evaluate", window, expression=script, **options)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise ScriptFailed(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def until(self, condition: str, window: str = "") -> Any:
        """Wait until an expression is true of the page; its value."""
        try:
            return self.run(_UNTIL % condition, window)
        except TimeoutError:
            self._replies.clear()
            raise ScriptFailed(f"never came true: {condition}") from None

    def text(self, selector: str = "main") -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def until_text(self, text: str, selector: str = "main") -> None:
        self.until(f"document.querySelector({json.dumps(selector)})?.textContent.includes({json.dumps(text)})")

    def click(self, selector: str, text: str = "") -> None:
        """Press what is found by a selector and says exactly this; it has to be there, or to come."""
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find((one) => !one.disabled && (!{json.dumps(text)} || one.textContent.trim() === {json.dumps(text)}))"
        )
        self.until(found)
        self.run(f"{found}.click()")

    def fill(self, label: str, value: str) -> None:
        """Write into the field with that label, as a person would; not in a form that is put away."""
        found = (
            '[...document.querySelectorAll("label")]'
            f'.find((one) => one.textContent === {json.dumps(label)} && !one.closest("[hidden]"))'
        )
        self.until(found)
        self.run(
            f"""(() => {{
              const field = document.getElementById({found}.htmlFor);
              field.value = {json.dumps(value)};
              field.dispatchEvent(new Event("input", {{ bubbles: true }}));
              field.dispatchEvent(new Event("change", {{ bubbles: true }}));
            }})()"""
        )

    def go(self, hash_: str, heading: str) -> None:
        """To another page of the application; until its heading is there, which may say the same as the last one's."""
        self.run(
            f"""(() => {{
              if (location.hash === {json.dumps(hash_)}) return;
              document.querySelector("main h1")?.setAttribute("data-left", "");
              location.hash = {json.dumps(hash_)};
            }})()"""
        )
        self.until(f"document.querySelector('main h1:not([data-left])')?.textContent === {json.dumps(heading)}")

    def screen(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """The size of the screen and the colours that the system prefers."""
        self.say(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        value = "dark" if dark else "light"
        self.say("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def picture(self, path: Path) -> None:
        """What is on the screen, as PNG."""
        path.write_bytes(base64.b64decode(self.say("Page.captureScreenshot", format="png")["data"]))

    def quiet(self, seconds: float) -> list[str]:
        """What the page asks for while so many seconds go by."""
        before = len(self.requests)
        self.run(f"new Promise((resolve) => setTimeout(resolve, {int(seconds * 1000)}))")
        return self.requests[before:]

"""Holds the arrows of the house: imports go down, never up, never sideways; foreign packages have one door each."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "colonies_edge"

# Which layers a layer may import (docs/ARCHITECTURE.md, "The house"). Itself is always allowed.
ARROWS: dict[str, tuple[str, ...]] = {
    "crypto": (),
    "protocol": ("crypto",),
    "engine": ("protocol",),
    "storage": ("protocol", "engine"),
    "transports": ("crypto", "protocol"),  # a call is signed, and its reply checked, where it is sent again and again
    "client": ("protocol", "crypto", "transports"),
    "apps": ("crypto", "protocol", "engine", "storage", "transports", "client"),
}
# What storage may see of the engine: the port it implements and the values that pass through it. Never a decision.
ENGINE_FOR_STORAGE = ("ports", "outcome", "rows")
# Apps do not know each other; cli starts them, and what they share stands beside them (config).
APPS = ("coordinator", "executor", "bridge", "dashboard", "install", "monitor", "cli")

# Foreign packages and sharp tools of the standard library: who may import them, and what everybody else uses instead.
DOORS: dict[str, tuple[tuple[str, ...], str]] = {
    "paho": (("transports/mqtt.py",), "use transports.mqtt.MqttLink"),
    "amqtt": (("transports/broker*.py",), "use transports.broker.EmbeddedBroker"),
    "tinydb": (("storage/*",), "use the Store port of engine/ports.py"),
    "sqlite3": (("storage/*",), "use the Store or History port of engine/ports.py"),
    "cryptography": (
        ("apps/certificates.py", "apps/key_encryption.py"),
        "use apps.certificates or apps.keys; for signatures, colonies_edge.crypto",
    ),
    "coincurve": (("crypto/native.py",), "use colonies_edge.crypto.identity"),
    "starlette": (("transports/http_gateway*.py",), "use transports.http_gateway.HttpGateway"),
    "uvicorn": (("transports/http_gateway*.py",), "use transports.http_gateway.HttpGateway"),
    "websockets": (("transports/http_caller*.py",), "use transports.http_caller.HttpCaller"),
    "httpx2": (("transports/http_caller*.py",), "use transports.http_caller.HttpCaller"),
    "tomllib": (("apps/bridge/settings.py",), "use apps.bridge.settings.read_settings"),
    "tomli": (("apps/bridge/settings.py",), "use apps.bridge.settings.read_settings"),
    "segno": (("apps/cli/qr_code.py",), "use apps.cli.qr_code.drawn"),
    "boto3": (("client/s3.py",), "use the Depot port of client/depot.py"),
    "botocore": (("client/s3.py",), "use the Depot port of client/depot.py"),
    "ctypes": (("crypto/native.py",), "use colonies_edge.crypto.identity"),
    "time": (("transports/system.py",), "be told the time; at the rim use transports.system.SystemClock"),
    "random": (("transports/system.py",), "be given luck; at the rim use transports.system"),
    "secrets": (("transports/system.py",), "be given luck; at the rim use transports.system.entropy"),
    "uuid": ((), "use transports.system.new_msgid, or derive the id"),
    "pickle": ((), "use protocol.codec.pack and unpack: a pickle from a disk or a wire runs code"),
    "unittest.mock": ((), "write a full second implementation of the port and run the contract test over it"),
}
# What a layer must never contain, whatever it would be used for.
BANNED: dict[str, tuple[str, ...]] = {
    "crypto": ("json", "logging", "asyncio", "socket"),
    "protocol": ("asyncio", "logging", "socket", "os", "io", "pathlib", "threading"),
    "engine": ("asyncio", "logging", "socket", "os", "io", "pathlib", "threading", "subprocess"),
    "storage": ("asyncio", "socket"),
}
STANDARD = sys.stdlib_module_names | {"__future__"}


@dataclass(frozen=True)
class Import:
    """`file` (below colonies_edge/) imports `target`, at `line`."""

    file: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{PACKAGE}/{self.file}:{self.line} imports {self.target}"

    @property
    def layer(self) -> str:
        return self.file.partition("/")[0] if "/" in self.file else ""

    @property
    def inner(self) -> list[str]:
        """`colonies_edge.apps.cli.main` -> ["apps", "cli", "main"]; empty for everything foreign."""
        parts = self.target.split(".")
        return parts[1:] if parts[0] == PACKAGE else []


def imports_of(source: str, file: str) -> Iterator[Import]:
    """All of them, also those inside functions and for type checkers: an arrow is an arrow."""
    package = [PACKAGE, *file.removesuffix(".py").split("/")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(file, node.lineno, f"{base}.{alias.name}") for alias in node.names)


def all_imports() -> list[Import]:
    folder = ROOT / PACKAGE
    return [
        found
        for path in sorted(folder.rglob("*.py"))
        for found in imports_of(path.read_text(encoding="utf-8"), path.relative_to(folder).as_posix())
    ]


IMPORTS = all_imports()


def refuse(wrong: list[Import], rule: str) -> None:
    assert not wrong, rule + "\n" + "\n".join(f"  {found}" for found in wrong)


@pytest.mark.parametrize("layer", ARROWS)
def test_a_layer_imports_only_what_is_below_it(layer: str) -> None:
    allowed = {layer, *ARROWS[layer], "__version__"}
    wrong = [found for found in IMPORTS if found.layer == layer and found.inner and found.inner[0] not in allowed]
    refuse(wrong, f"{layer} may import {', '.join(ARROWS[layer]) or 'nothing of ours'}: pass values or a port instead")


def test_every_module_belongs_to_a_layer() -> None:
    known = {*ARROWS, "__init__.py", "__main__.py", "py.typed", "_vendor", "__pycache__"}
    strange = {path.name for path in (ROOT / PACKAGE).iterdir()} - known
    assert not strange, f"{strange}: put it into one of {', '.join(ARROWS)}, or draw it into docs/ARCHITECTURE.md"


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / PACKAGE).rglob("*.py")}
    wrong = [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert not wrong, f"add an __init__.py; inside a zip there are no folders that could stand in for it: {wrong}"


def test_storage_sees_the_engines_port_and_not_its_decisions() -> None:
    wrong = [
        found
        for found in IMPORTS
        if found.layer == "storage" and found.inner[:1] == ["engine"] and found.inner[1:2] != []
        if found.inner[1] not in ENGINE_FOR_STORAGE
    ]
    refuse(
        wrong, f"storage may import engine.{' and engine.'.join(ENGINE_FOR_STORAGE)}: decide in the engine, store here"
    )


def test_one_app_does_not_import_another() -> None:
    wrong = [
        found
        for found in IMPORTS
        if found.layer == "apps" and found.inner[:1] == ["apps"] and found.inner[1] in APPS
        if found.file.split("/")[1].removesuffix(".py") not in ("cli", found.inner[1])
    ]
    refuse(wrong, "apps do not know each other; cli starts them, and what two of them need stands beside them in apps/")


@pytest.mark.parametrize("package", DOORS)
def test_a_foreign_package_has_one_door(package: str) -> None:
    doors, instead = DOORS[package]
    wrong = [
        found
        for found in IMPORTS
        if found.target == package or found.target.startswith(package + ".")
        if not any(fnmatch(found.file, door) for door in doors)
    ]
    refuse(wrong, f"{package} is imported only by {', '.join(doors) or 'nobody'}: {instead}")


@pytest.mark.parametrize("layer", BANNED)
def test_a_layer_stays_free_of_what_would_make_it_untestable(layer: str) -> None:
    wrong = [found for found in IMPORTS if found.layer == layer and found.target.partition(".")[0] in BANNED[layer]]
    refuse(wrong, f"{layer} must not import {', '.join(BANNED[layer])}: values in, values out")


@pytest.mark.parametrize("layer", ["crypto", "protocol", "engine"])
def test_nothing_below_the_rim_waits(layer: str) -> None:
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / PACKAGE / layer).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, waiting)
    ]
    assert not wrong, f'{layer} is never async (`async` means "may wait"): {", ".join(wrong)}'


def test_no_package_is_needed_that_the_pyz_does_not_carry() -> None:
    known = STANDARD | {PACKAGE, *DOORS}
    wrong = [found for found in IMPORTS if found.target.partition(".")[0] not in known]
    refuse(
        wrong, "a new dependency needs a page in docs/decisions/, a line in _vendor/vendored.txt and a door in DOORS"
    )


def test_the_reader_of_imports_sees_lazy_relative_and_typing_ones() -> None:
    source = (
        "from . import rows\n"
        "from ..protocol import codec\n"
        "def f():\n    import time\n"
        "if TYPE_CHECKING:\n    from colonies_edge.apps.cli import main\n"
    )
    assert [found.target for found in imports_of(source, "engine/x.py")] == [
        "colonies_edge.engine.rows",
        "colonies_edge.protocol.codec",
        "time",
        "colonies_edge.apps.cli.main",
    ]

"""bridge.toml: where the two sides are, and the rules; whatever is wrong in it is said with its place."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from colonies_edge.client.labels import normal_label
from colonies_edge.client.ours import FOLDER
from colonies_edge.client.specs_workflow import workflow_spec
from colonies_edge.crypto.identity import InvalidKey, Signer
from colonies_edge.protocol.codec import parse_json
from colonies_edge.protocol.errors import BadRequest, UsageError
from colonies_edge.protocol.limits import (
    BRIDGE_FILES_EVERY_S,
    BRIDGE_RATE,
    BRIDGE_RULES_MAX,
    BRIDGE_WAITING,
    BRIDGE_WAITING_MAX,
    COUNT_MAX,
)
from colonies_edge.protocol.model import FunctionSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EDGE, CLOUD = "edge", "cloud"
ANY = "*"
RATE_MAX = 1_000_000
EVERY_S_MAX = 7 * 86_400
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSettings:
    """A colony on one side: `mqtt://`, `mqtts://` for coordinators, `http://`, `https://` for Colonies servers."""

    url: str
    colony: str
    serverid: str = ""
    ca: str = ""
    topic_root: str = "colonies"
    location: str = ""  # of the executors that the bridge is there
    owner: Signer | None = None

    def __repr__(self) -> str:
        return f"SideSettings(url={self.url!r}, colony={self.colony!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Work of the executor type `cloud` in the cloud colony is done at the edge, by `edge` or by a workflow."""

    cloud: str
    edge: str = ""
    workflow: tuple[FunctionSpec, ...] = ()
    waiting: int = BRIDGE_WAITING

    @property
    def name(self) -> str:
        return self.cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """Work of the executor type `edge` in the edge colony is done in the cloud, by `cloud`."""

    edge: str
    cloud: str
    waiting: int = BRIDGE_WAITING
    returning: bool = False  # may take what a bridge brought down; never back to where it came from

    @property
    def name(self) -> str:
        return self.edge


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What ended at the edge is recorded in the cloud, if its executor type and its label fit."""

    executortype: str = ANY
    label: str = ANY

    def fits(self, executortype: str, label: str) -> bool:
        return self.executortype in (ANY, executortype) and self.label in (ANY, label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A label and everything below it is copied to the other side."""

    label: str
    down: bool
    every_s: int = BRIDGE_FILES_EVERY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """One bridge."""

    name: str
    folder: Path
    folder_said: bool = False  # or where a bridge has it without being told
    edge: SideSettings
    cloud: SideSettings
    rate: int = BRIDGE_RATE
    down: tuple[Down, ...] = ()
    up: tuple[Up, ...] = ()
    history: tuple[History, ...] = ()
    files: tuple[Files, ...] = ()
    beside: tuple[str, ...] = ()  # files that it names, as they are written there


def read_settings(
    path: Path, *, environ: Mapping[str, str], edge: Mapping[str, str] | None = None, data_dir: Path | None = None
) -> BridgeSettings:
    """`edge` are values for what `[edge]` leaves out: those of the coordinator that the bridge runs in.

    Raises UsageError, with the file and the table in the text.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"cannot read {path}: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    return _Reader(path, environ).settings(values, edge or {}, data_dir or path.parent / FOLDER)


class _Reader:
    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        self._named: list[str] = []

    def settings(self, values: dict[str, Any], edge: Mapping[str, str], data_dir: Path) -> BridgeSettings:
        top = _Table(self._path, "", values)
        name, folder = top.name("name"), top.text("folder")
        settings = BridgeSettings(
            name=name,
            folder=self._path.parent / folder if folder else data_dir / "bridges" / name,
            folder_said=bool(folder),
            rate=top.number("rate", BRIDGE_RATE, RATE_MAX),
            edge=self._side(top.table("edge"), EDGE, edge),
            cloud=self._side(top.table("cloud"), CLOUD, {}),
            down=top.many("down", self._down),
            up=top.many("up", _up),
            history=top.many("history", _history),
            files=top.many("files", _files),
            beside=tuple(self._named),  # last: whoever reads a table above adds to it
        )
        top.done()
        _check(self._path, settings)
        return settings

    def _side(self, table: _Table, side: str, otherwise: Mapping[str, str]) -> SideSettings:
        url = table.text("url", otherwise.get("url", ""))
        if not url:
            raise table.wrong("url", f"is missing: {'mqtt://host:port' if side == EDGE else 'https://host:port'}")
        if side == EDGE and not url.startswith(("mqtt://", "mqtts://")):
            raise table.wrong("url", "is a coordinator's broker, mqtt://host:port: the edge pushes work, HTTP does not")
        variable = f"COLONIES_BRIDGE_{side.upper()}_COLONY_PRVKEY"
        key = self._environ.get(variable, "") or table.text("colony_prvkey", otherwise.get("colony_prvkey", ""))
        try:
            owner = Signer(key) if key else None
        except InvalidKey as error:
            raise table.wrong("colony_prvkey", f"or {variable}: {error}; a private key is 64 hex digits") from None
        ca = self._file(table, "ca") or otherwise.get("ca", "")
        settings = SideSettings(
            url=url,
            colony=table.text("colony", otherwise.get("colony", "")),
            serverid=table.text("serverid", otherwise.get("serverid", "")),
            ca=str(self._path.parent / ca) if ca else "",
            topic_root=table.text("topic_root", otherwise.get("topic_root", "colonies")),
            location=table.text("location"),
            owner=owner,
        )
        if not settings.colony:
            elsewhere = "; or be in the folder of that colony, or give --colonyname" if side == EDGE else ""
            raise table.wrong("colony", f"is missing: the name of the colony on that side{elsewhere}")
        table.done()
        return settings

    def _down(self, table: _Table) -> Down:
        file, edge = self._file(table, "workflow"), table.text("edge")
        if bool(edge) == bool(file):
            raise table.wrong("edge", "or workflow has to be there, one of them: who does the work at the edge")
        return Down(
            cloud=table.need("cloud"),
            edge=edge,
            workflow=self._template(table, self._path.parent / file) if file else (),
            waiting=table.number("waiting", BRIDGE_WAITING, BRIDGE_WAITING_MAX),
        )

    def _file(self, table: _Table, key: str) -> str:
        name = table.text(key)
        self._named += [name] if name else []
        return name

    def _template(self, table: _Table, file: Path) -> tuple[FunctionSpec, ...]:
        try:
            nodes = workflow_spec(parse_json(file.read_bytes()), "").functionspecs
        except OSError as error:
            raise table.wrong("workflow", f"cannot be read: {file}: {error.strerror}") from error
        except (BadRequest, UsageError) as error:
            raise table.wrong("workflow", f"{file}: {error}") from error
        if not 1 <= len(nodes) <= COUNT_MAX:
            raise table.wrong("workflow", f"{file} has {len(nodes)} nodes; there may be 1 to {COUNT_MAX}")
        return nodes


def _up(table: _Table) -> Up:
    edge = table.need("edge")
    return Up(
        edge=edge,
        cloud=table.text("cloud", edge),
        waiting=table.number("waiting", BRIDGE_WAITING, BRIDGE_WAITING_MAX),
        returning=table.boolean("returning"),
    )


def _history(table: _Table) -> History:
    return History(executortype=table.text("executortype", ANY), label=table.text("label", ANY))


def _files(table: _Table) -> Files:
    direction = table.need("direction")
    if direction not in ("up", "down"):
        raise table.wrong("direction", 'is "up" (from the edge to the cloud) or "down"')
    try:
        label = normal_label(table.need("label"))
    except UsageError as error:
        raise table.wrong("label", str(error)) from None
    every_s = table.number("every", BRIDGE_FILES_EVERY_S, EVERY_S_MAX)
    return Files(label=label, down=direction == "down", every_s=every_s)


def _check(path: Path, settings: BridgeSettings) -> None:
    rules = (*settings.down, *settings.up, *settings.history, *settings.files)
    if not rules:
        raise UsageError(f"{path} has no rules: add [[down]], [[up]], [[history]] or [[files]]")
    if len(rules) > BRIDGE_RULES_MAX:
        raise UsageError(f"{path} has {len(rules)} rules, the limit is {BRIDGE_RULES_MAX}: make two bridges of it")
    for kind, names in (
        ("down", [rule.cloud for rule in settings.down]),
        ("up", [rule.edge for rule in settings.up]),
        ("files", [f"{rule.label}, {'down' if rule.down else 'up'}" for rule in settings.files]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UsageError(f"{path} has two [[{kind}]] rules for {', '.join(sorted(twice))}; one of them has to go")
    both = [
        f"{down.label} down and {up.label} up"
        for down in settings.files
        for up in settings.files
        if down.down and not up.down and (_covers(down.label, up.label) or _covers(up.label, down.label))
    ]
    if both:
        raise UsageError(
            f"{path} copies the same files both ways: {', '.join(both)}; which of two versions wins would be left to"
            " chance, so one of them has to go"
        )


def _covers(label: str, other: str) -> bool:
    return f"{other}/".startswith(f"{label.rstrip('/')}/")


class _Table:
    """One table of the file, read field by field; what is left over at the end is a mistake."""

    def __init__(self, path: Path, where: str, values: Any) -> None:
        self._path = path
        self._where = where
        if not isinstance(values, dict):
            raise UsageError(f"{path}: {where} has to be a table")
        self._values = dict(values)

    def wrong(self, key: str, why: str) -> UsageError:
        return UsageError(f"{self._path}, {self._where or 'top level'}: {key} {why}")

    def text(self, key: str, default: str = "") -> str:
        value = self._values.pop(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "is a text, in quotes")
        return value.strip()

    def need(self, key: str) -> str:
        value = self.text(key)
        if not value:
            raise self.wrong(key, "is missing")
        return value

    def name(self, key: str) -> str:
        value = self.text(key)
        if not value:
            raise self.wrong(key, "is missing: what this site is called; the bridge's executors are named after it")
        if not _NAME.fullmatch(value):
            raise self.wrong(key, "is 1 to 64 letters, digits, '.', '_' and '-'")
        return value

    def number(self, key: str, default: int, most: int) -> int:
        value = self._values.pop(key, default)
        if type(value) is not int or not 1 <= value <= most:
            raise self.wrong(key, f"is a whole number from 1 to {most}")
        return value

    def boolean(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if type(value) is not bool:
            raise self.wrong(key, "is true or false")
        return value

    def table(self, key: str) -> _Table:
        return _Table(self._path, f"[{key}]", self._values.pop(key, {}))

    def many(self, key: str, read: Callable[[_Table], T]) -> tuple[T, ...]:
        values = self._values.pop(key, [])
        if not isinstance(values, list):
            raise UsageError(f"{self._path}: write [[{key}]] with two brackets, there may be several")
        rules = []
        for number, value in enumerate(values, 1):
            table = _Table(self._path, f"[[{key}]] number {number}", value)
            rules.append(read(table))
            table.done()
        return tuple(rules)

    def done(self) -> None:
        if self._values:
            unknown = ", ".join(sorted(self._values))
            raise UsageError(f"{self._path}, {self._where or 'top level'}: there is no setting {unknown}")

"""Settings of every app and where each came from: flag, environment, systemd credential, devenv, default."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from colonies_edge.apps.passphrase import credential
from colonies_edge.client.ours import FOLDER as FOLDER
from colonies_edge.client.whole_file import make_private, write_whole
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.transports.mqtt_socket import Tls

DEVENV = "devenv"
COORDINATOR_FOLDER = "coordinator"  # below the data folder of a colony; executors have folders beside it

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "mqtt": "COLONIES_MQTT",
        "mqtt_ca": "COLONIES_MQTT_CA",
        "mqtt_cert": "COLONIES_MQTT_CERT",
        "mqtt_key": "COLONIES_MQTT_KEY",
        "serverid": "COLONIES_SERVER_ID",
        "colonyname": "COLONIES_COLONY_NAME",
        "prvkey": "COLONIES_PRVKEY",
        "colony_prvkey": "COLONIES_COLONY_PRVKEY",
        "server_prvkey": "COLONIES_SERVER_PRVKEY",
        "executorname": "COLONIES_EXECUTOR_NAME",
        "executortype": "COLONIES_EXECUTOR_TYPE",
        "executor_prvkey": "COLONIES_EXECUTOR_PRVKEY",
        "topic_root": "COLONIES_TOPIC_ROOT",
        "data_dir": "COLONIES_DATA_DIR",
        "retention": "COLONIES_RETENTION",
        "retention_policy": "COLONIES_RETENTION_POLICY",
        "monitor_port": "COLONIES_MONITOR_PORT",
        "monitor_interval": "COLONIES_MONITOR_INTERVAL",
    }
)
_FOLDER_OF = "run this in your colony's folder, `colonies-edge dev` makes one"
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "colonyname": f"give --colonyname NAME, or {_FOLDER_OF}, on a device `colonies-edge enrol TOKEN`",
        "prvkey": f"give --prvkey KEY, of a user or an executor, or {_FOLDER_OF}",
        "colony_prvkey": f"give --colonyprvkey KEY, of the colony's owner, or {_FOLDER_OF}",
        "server_prvkey": "give --serverprvkey KEY, of the server's owner: it is in server.key of the coordinator's data"
        f" folder; or {_FOLDER_OF}",
        "executorname": "give --name NAME, of the executor",
        "executortype": "give --executortype TYPE, of the work that it is for",
    }
)
A_KEY = "a private key is 64 hex digits, `colonies-edge security generate` makes one"
SECRETS = frozenset({"prvkey", "colony_prvkey", "server_prvkey", "executor_prvkey"})
_HOLDERS = {
    "prvkey": "a user of colony {colony}",
    "colony_prvkey": "the owner of colony {colony}",
    "server_prvkey": "the server's owner",
    "executor_prvkey": "that executor",
}
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"mqtt": "mqtt://127.0.0.1:1883", "topic_root": "colonies", "data_dir": FOLDER}
)

FLAG = "flag"
ENVIRONMENT = "environment"
CREDENTIAL = "systemd credential"
DEFAULT = "default"
NOT_SET = "not set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What was found; an empty string is a setting that nobody made."""

    mqtt: str = ""
    mqtt_ca: str = ""
    mqtt_cert: str = ""
    mqtt_key: str = ""
    serverid: str = ""
    colonyname: str = ""
    prvkey: str = ""
    colony_prvkey: str = ""
    server_prvkey: str = ""
    executorname: str = ""
    executortype: str = ""
    executor_prvkey: str = ""
    topic_root: str = ""
    data_dir: str = ""
    retention: str = ""
    retention_policy: str = ""
    monitor_port: str = ""
    monitor_interval: str = ""
    sources: Mapping[str, str]

    def source(self, name: str) -> str:
        """Words for people: `flag`, `environment`, the file's path, `default` or `not set`."""
        return self.sources.get(name, NOT_SET)

    def describe(self, name: str) -> str:
        """The variable and where its value came from, for messages that must not show the value itself."""
        return f"{VARIABLES[name]} ({self.source(name)})"

    def need(self, name: str) -> str:
        value: str = getattr(self, name)
        if not value:
            raise UsageError(f"{VARIABLES[name]} is not set: {self._remedy(name)}")
        return value

    def _remedy(self, name: str) -> str:
        if self.of_device and name in SECRETS:
            whose = _HOLDERS[name].format(colony=self.colonyname)
            return f"this folder is that of executor {self.executorname}: run it where {whose} has a key, or set it"
        return REMEDIES[name]

    @property
    def of_device(self) -> bool:
        """Whether a file, as `enrol` writes it, makes this folder that of an executor: nobody has a colony here."""
        written = self.source("executorname") not in (FLAG, ENVIRONMENT, CREDENTIAL, DEFAULT, NOT_SET)
        return written and not (self.prvkey or self.colony_prvkey or self.server_prvkey)

    def no_key(self, name: str) -> UsageError:
        """For a value that is no private key, without the value."""
        return UsageError(f"{self.describe(name)} is no private key; {A_KEY}")

    def __repr__(self) -> str:
        """Without the private keys: configurations end up in logs and tracebacks."""
        shown = {name: "…" if name in SECRETS and getattr(self, name) else getattr(self, name) for name in VARIABLES}
        return f"Config({', '.join(f'{name}={value!r}' for name, value in shown.items() if value)})"


NAMES = tuple(field.name for field in fields(Config) if field.name != "sources")


def load(
    overrides: Mapping[str, str | None] | None = None,
    *,
    folder: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    devenv: Path | None = None,
) -> Config:
    """Read the settings. `overrides` are the flags; None means that the flag was not given. `devenv` is another file
    than the folder's."""
    flags = overrides or {}
    environment = os.environ if environ is None else environ
    path = devenv or devenv_path(folder)
    file = read_devenv(path)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, variable in VARIABLES.items():
        choices = (
            (flags.get(name), FLAG),
            (environment.get(variable) or None, ENVIRONMENT),
            ((name in SECRETS and credential(variable, environment)) or None, CREDENTIAL),
            (file.get(variable) or None, display(path)),
            (DEFAULTS.get(name), DEFAULT),
        )
        for value, source in choices:
            if value is not None:
                values[name], sources[name] = value.strip(), source
                break
    return Config(**values, sources=MappingProxyType(sources))


def tls_of(config: Config, *, believe_any: bool = False) -> Tls | None:
    """How to check a broker that is reached by TLS, and what to show it; None leaves it to the system's authorities.
    Raises UsageError."""
    from colonies_edge.transports.mqtt_socket import Tls  # loads asyncio, which most commands can do without

    for name in ("mqtt_ca", "mqtt_cert", "mqtt_key"):
        path: str = getattr(config, name)
        if path and not Path(path).is_file():
            raise UsageError(f"{config.describe(name)} names no file: {path}")
    if config.mqtt_key and not config.mqtt_cert:
        raise UsageError(
            f"{config.describe('mqtt_key')} is a key without its certificate: set {VARIABLES['mqtt_cert']}"
        )
    if not (config.mqtt_ca or config.mqtt_cert or believe_any):
        return None
    return Tls(cafile=config.mqtt_ca, certfile=config.mqtt_cert, keyfile=config.mqtt_key, insecure=believe_any)


def with_address(url: str, host: str | None, port: int | None) -> str:
    """The broker's URL with another host or port; scheme and login stay."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    try:
        name, number = host or parts.hostname or "", port or parts.port
    except ValueError as error:
        raise UsageError(f"{url} is no broker URL: {error}; mqtt://host:port is one") from error
    name = f"[{name}]" if ":" in name else name
    return urlunsplit(parts._replace(netloc=f"{login}{at}{name}{f':{number}' if number else ''}"))


def devenv_path(folder: str | Path | None = None) -> Path:
    return Path(folder or ".") / FOLDER / DEVENV


def display(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"


def read_devenv(path: Path) -> dict[str, str]:
    """The variables of a devenv; a file that is not there has none, one that cannot be used is said."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"cannot read {display(path)}: {reason}; make it readable, or remove it") from error
    return parse_devenv(text, display(path))


def parse_devenv(text: str, where: str) -> dict[str, str]:
    """`export NAME=value` lines as the shell would read them; nothing is expanded or run."""
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise _unreadable(where, number) from error
        if words[:1] == ["export"]:
            words = words[1:]
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or not name.isidentifier():
                raise _unreadable(where, number)
            variables[name] = value
    return variables


def _unreadable(where: str, number: int) -> UsageError:
    return UsageError(f"{where}, line {number}: expected `export NAME=value`; correct the line, or remove the file")


def write_devenv(path: Path, values: Mapping[str, str]) -> None:
    """Replace the file in one step, readable by its owner only: it holds private keys."""
    lines = ["# Written by colonies-edge. Source it to give other tools the same settings. It holds private keys."]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in values.items() if value]
    make_private(path.parent)
    write_whole(path, ("\n".join(lines) + "\n").encode())

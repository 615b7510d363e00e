"""How an installed coordinator is started: the flags of `coordinator start`, kept as a line of its settings file."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

from colonies_edge.apps.cli.command import Flag, flag
from colonies_edge.apps.cli.start_flags import DATA_FLAG, START_FLAGS

_EVERYWHERE, _TLS_EVERYWHERE = "0.0.0.0:1883", "0.0.0.0:8883"
_HTTP = "127.0.0.1:50080"  # where other Colonies tools look for it, and only from this machine
OFF = "off"
_OF_EMBEDDED = ("--listen", "--plain-port", "--tls")  # and whatever begins like that

Options = dict[str, str]  # flag → its value, "" for one that has none


def _as_typed(told: Flag) -> Flag:
    """The same flag, whose value stays as it was typed; `coordinator start` reads it."""
    return flag(*told.names, **{key: value for key, value in told.told.items() if key != "type"})


FLAGS = tuple(_as_typed(told) for told in START_FLAGS if told is not DATA_FLAG)


def given(args: argparse.Namespace) -> Options:
    found = {}
    for told in FLAGS:
        value = getattr(args, told.names[0].removeprefix("--").replace("-", "_"))
        if value is True:
            found[told.names[0]] = ""
        elif value:
            found[told.names[0]] = value
    return found


def read(line: str) -> Options:
    """What a settings file says; a person may have written it."""
    options: Options = {}
    name = ""
    for word in shlex.split(line):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            options[name] = value if equals else ""
        else:
            options[name] = f"{options.get(name, '')} {word}".strip()
    return options


def write(options: Mapping[str, str]) -> str:
    """As systemd splits it: at blanks, and nothing else."""
    return " ".join(word for item in options.items() for word in item if word)


def chosen(there: str | None, wanted: Options, *, own_broker: bool) -> Options:
    """What was there before, changed by what is wanted now; at the first time, what suits most."""
    first = {"--listen": _EVERYWHERE, "--http": _HTTP}
    options = (first if there is None else read(there)) | wanted
    encrypted = "--tls" in wanted or "--tls-cert" in wanted
    if encrypted and "--listen" not in wanted and options.get("--listen") == _EVERYWHERE:
        options["--listen"] = _TLS_EVERYWHERE
    if options.get("--http") == OFF:
        options = {name: value for name, value in options.items() if not name.startswith("--http")}
    if own_broker:
        options = {name: value for name, value in options.items() if not name.startswith(_OF_EMBEDDED)}
    return options

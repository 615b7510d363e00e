"""Spec files and the little lists on the command line, as messages of the wire want them."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.errors import BadRequest, UsageError
from colonies_edge.protocol.json_text import parse_json
from colonies_edge.protocol.limits import MESSAGE_BYTES_MAX
from colonies_edge.protocol.model import Conditions, Executor, FunctionSpec

T = TypeVar("T")

_LIMITS = ("maxwaittime", "maxexectime")


def read_json(path: str, bytes_max: int = MESSAGE_BYTES_MAX) -> Any:
    """The JSON value of a file, `-` is stdin; an error names the line and the column."""
    text = _read(path, bytes_max)
    try:
        json.loads(text)  # for the position, which the strict parser does not give
        return parse_json(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}; correct the file") from error
    except (BadRequest, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: {error}; correct the file") from error


def _read(path: str, bytes_max: int) -> str:
    try:
        data = sys.stdin.buffer.read(bytes_max + 1) if path == "-" else _read_file(Path(path), bytes_max)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; give --spec the path of a JSON file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error
    if len(data) > bytes_max:
        raise UsageError(f"{path} is larger than {bytes_max} bytes, the limit of a message; keep data in files")
    return text


def _read_file(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        return file.read(bytes_max + 1)


def read_function_spec(path: str) -> tuple[dict[str, Any], list[str]]:
    """A function spec, and the fields in it that nobody will look at."""
    value = read_json(path)
    if isinstance(value, list) or (isinstance(value, dict) and "functionspecs" in lower(value)):
        raise UsageError(
            f"{path}: It looks like you are trying to submit a workflow, "
            f"try to use `{PROGRAM} workflow submit --spec` instead"
        )
    if not isinstance(value, dict):
        raise UsageError(f'{path}: a function spec is a JSON object like {{"funcname": "…", "conditions": {{…}}}}')
    return function_spec(value, path)


def function_spec(value: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[str]]:
    """One function spec of a file, and the fields in it that nobody will look at.

    The coordinator takes what no executor ever will, as upstream's does; here it is refused, and so is a field that
    looks mistyped.
    """
    spec = lower(value)
    if isinstance(spec.get("conditions"), dict):
        spec["conditions"] = lower(spec["conditions"])
    read = decoded(FunctionSpec, spec, where)
    unknown = _unknown(spec, FunctionSpec, where)
    unknown += [f"conditions.{key}" for key in _unknown(spec.get("conditions") or {}, Conditions, where)]
    if not read.funcname:
        raise UsageError(f"{where}: which function? It has no funcname; add it")
    if not read.conditions.executortype:
        raise UsageError(f"{where}: for whom? Without an executortype in its conditions nobody would take it; add it")
    return spec, unknown


def decoded(cls: type[T], value: Mapping[str, Any], where: str) -> T:
    """The same reader as the coordinator's, so what it would refuse is refused here, with the file's name."""
    try:
        return decode(cls, value)
    except BadRequest as error:
        raise UsageError(f"{where}: {error.message}; correct the file") from error


def complete_function_spec(spec: Mapping[str, Any], colonyname: str, label: str | None = None) -> dict[str, Any]:
    """What the file leaves open: the colony, and limits, where nothing or 0 means none."""
    conditions = dict(spec.get("conditions") or {})
    conditions["colonyname"] = conditions.get("colonyname") or colonyname
    limits = {name: spec.get(name) or -1 for name in _LIMITS}
    return {**spec, **limits, "conditions": conditions, **({} if label is None else {"label": label})}


def read_executor_spec(path: str) -> dict[str, Any]:
    """An executor; `hardware` and `software` may be one object in place of a list of one."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise UsageError(f'{path}: an executor spec is a JSON object like {{"executorname": "…", "executortype": "…"}}')
    spec = lower(value)
    if isinstance(spec.get("capabilities"), dict):
        capabilities = lower(spec["capabilities"])
        for key in ("hardware", "software"):
            if isinstance(capabilities.get(key), dict):
                capabilities[key] = [capabilities[key]]
        spec["capabilities"] = capabilities
    decoded(Executor, spec, path)
    return spec


def lower(value: Mapping[str, Any]) -> dict[str, Any]:
    """Keys are read in any case, as Go does."""
    return {key.lower(): item for key, item in value.items()}


def _unknown(value: Mapping[str, Any], cls: type[Any], where: str) -> list[str]:
    """Raises UsageError for one that is nearly the name of a field."""
    known = [field.name.rstrip("_") for field in fields(cls)]
    unknown = [key for key in value if key not in known]
    for key in unknown:
        near = difflib.get_close_matches(key, known, 1)
        if near:
            raise UsageError(f"{where}: {key!r} is no field of a function spec; did you mean {near[0]!r}?")
    return unknown


def comma_list(text: str | None) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def parse_kwargs(text: str | None) -> dict[str, Any]:
    """`k:v,k:v`, values as text; `args` becomes a list of its words, as executors of the Colonies tools expect."""
    kwargs: dict[str, Any] = {}
    for item in comma_list(text):
        if item.count(":") != 1:
            raise UsageError(f"--kwargs: {item!r} is not key:value with exactly one colon; for more use --spec")
        key, value = item.split(":")
        kwargs[key] = value.split() if key == "args" else value
    return kwargs


def parse_env(text: str | None) -> dict[str, str]:
    """`k=v,k=v`."""
    env: dict[str, str] = {}
    for item in comma_list(text):
        if item.count("=") != 1:
            raise UsageError(f"--env: {item!r} is not key=value with exactly one equals sign; for more use --spec")
        key, value = item.split("=")
        env[key] = value
    return env

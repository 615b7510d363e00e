"""Python functions as Colonies functions: their arguments, their description, and what becomes of their result."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from colonies_edge.apps.executor.context import Context
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import NAME_CHARS_MAX
from colonies_edge.protocol.model import FunctionArg

_TYPES: Mapping[Any, str] = {
    int: "int",
    float: "float",
    str: "string",
    bool: "bool",
    list: "list",
    tuple: "list",
    dict: "object",
    Any: "any",
    inspect.Parameter.empty: "any",
}
_ERROR_CHARS_MAX = 4_000  # of each line that a failed process keeps: a message, not a dump
_COLLECTED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class DoesNotFit(Exception):
    """The arguments of a process are not those of the function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredFunction:
    """One function of an executor."""

    name: str
    description: str
    args: tuple[FunctionArg, ...]
    call: Callable[..., Any]
    is_async: bool
    context: str  # the parameter that gets the context, or ""
    context_at: int  # its place among the positional ones, -1 when it has none
    signature: inspect.Signature  # without that parameter

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Raises DoesNotFit with a sentence."""
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DoesNotFit(f"the arguments do not fit {self.name}{self.signature}: {error}") from None

    def run(self, bound: inspect.BoundArguments, context: Context) -> Any:
        """The function's value; of an async function, what has to be awaited."""
        if not self.context:
            return self.call(*bound.args, **bound.kwargs)
        args = bound.args
        if 0 <= self.context_at < len(args):  # arguments follow that were given by position
            return self.call(*args[: self.context_at], context, *args[self.context_at :], **bound.kwargs)
        return self.call(*args, **bound.kwargs, **{self.context: context})


def describe(function: Callable[..., Any], name: str = "", description: str = "") -> RegisteredFunction:
    """Read everything from the function itself. Raises UsageError for one that cannot be called from outside."""
    name = name or getattr(function, "__name__", "")
    if not name or len(name) > NAME_CHARS_MAX:
        raise UsageError(f"a function needs a name of at most {NAME_CHARS_MAX} characters: use function(name=...)")
    signature = _signature(function)
    hints = _hints(function)
    context = _context_parameter(signature, hints)
    parameters = [item for item in signature.parameters.values() if item.name != context]
    if context and signature.parameters[context].kind is inspect.Parameter.POSITIONAL_ONLY:
        raise UsageError(f"{name}: the context is given by name, so {context} must not be positional-only")
    lines = (description or inspect.getdoc(function) or "").strip().splitlines()
    return RegisteredFunction(
        name=name,
        description=description or (lines[0] if lines else ""),
        args=tuple(_arg(item, hints.get(item.name, item.annotation)) for item in parameters),
        call=function,
        is_async=inspect.iscoroutinefunction(function),
        context=context,
        context_at=_place(signature, context),
        signature=signature.replace(parameters=parameters),
    )


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)  # annotations as types also where they are written as text
    except Exception:  # one that only a type checker can resolve; it is for people then
        return inspect.signature(function)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except Exception:  # as above
        return {}


def _context_parameter(signature: inspect.Signature, hints: Mapping[str, Any]) -> str:
    for parameter in signature.parameters.values():
        kind = hints.get(parameter.name, parameter.annotation)
        if kind is Context or (isinstance(kind, str) and kind.rpartition(".")[2].strip("'\"") == "Context"):
            return parameter.name
    plain = signature.parameters.get("ctx")
    return "ctx" if plain is not None and plain.kind not in _COLLECTED else ""


def _place(signature: inspect.Signature, context: str) -> int:
    if not context or signature.parameters[context].kind is inspect.Parameter.KEYWORD_ONLY:
        return -1
    return list(signature.parameters).index(context)


def _arg(parameter: inspect.Parameter, kind: Any) -> FunctionArg:
    type_, enum = _type_of(kind)
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return FunctionArg(name=f"*{parameter.name}", type=type_)
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return FunctionArg(name=f"**{parameter.name}", type=type_)
    required = parameter.default is inspect.Parameter.empty
    default = "" if required else f"default {parameter.default!r}"[:NAME_CHARS_MAX]
    return FunctionArg(name=parameter.name, type=type_, description=default, required=required, enum=enum)


def _type_of(kind: Any) -> tuple[str, tuple[str, ...]]:
    """A word for people and the values that are allowed, if they are few."""
    if kind in _TYPES:
        return _TYPES[kind], ()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "string", tuple(str(item.value) for item in kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _TYPES.get(type(parts[0]), "any"), tuple(str(part) for part in parts)
    given = [part for part in parts if part is not type(None)]
    if len(given) < len(parts) and len(given) == 1:  # Optional
        return _type_of(given[0])
    if origin is not Union and origin in _TYPES:
        return _TYPES[origin], ()
    return (kind if isinstance(kind, str) else getattr(kind, "__name__", None) or str(kind)), ()


def output_of(value: Any) -> list[Any]:
    """None is no output, a list or tuple is the output, anything else is its only element."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def errors_of(error: BaseException) -> tuple[str, ...]:
    """The traceback's last line, the message, and where it was raised."""
    last = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
    lines = [last, str(error)]
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        frame = frames[-1]
        lines.append(f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}: {frame.line}".rstrip(": "))
    return tuple(dict.fromkeys(line[:_ERROR_CHARS_MAX] for line in lines if line))

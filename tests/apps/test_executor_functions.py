"""How Python functions are described, called and judged, without any colony."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Any, Literal, Optional

import pytest

from colonies_edge.apps.executor.context import Context
from colonies_edge.apps.executor.functions import DoesNotFit, describe, errors_of, output_of
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import FunctionSpec, Process


class Unit(Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


class Nowhere:
    """Notes that nobody reads."""

    def log(self, text: str) -> None: ...

    def attribute(self, key: str, value: str) -> None: ...


class Nobody:
    """Nobody to talk to."""

    def channel(self, name: str) -> Any: ...

    def add_child(self, spec: FunctionSpec, *, childprocessid: str, insert: bool) -> Any: ...


CONTEXT = Context(Process(processid="p"), 1, Nowhere(), Nobody(), threading.Event())


def types(function: Any) -> list[tuple[str, str, bool, tuple[str, ...]]]:
    return [(arg.name, arg.type, arg.required, arg.enum) for arg in describe(function).args]


def test_arguments_are_described_from_the_signature() -> None:
    def function(
        a: int,
        b: float = 1.5,
        c: Optional[str] = None,  # noqa: UP045
        d: list[int] | None = None,
        e: dict[str, Any] | None = None,
        f: Literal["x", "y"] = "x",
        g: Unit = Unit.CELSIUS,
        h=3,  # type: ignore[no-untyped-def]
        *more: bool,
        **named: Any,
    ) -> None: ...

    assert types(function) == [
        ("a", "int", True, ()),
        ("b", "float", False, ()),
        ("c", "string", False, ()),
        ("d", "list", False, ()),
        ("e", "object", False, ()),
        ("f", "string", False, ("x", "y")),
        ("g", "string", False, ("C", "F")),
        ("h", "any", False, ()),
        ("*more", "bool", False, ()),
        ("**named", "any", False, ()),
    ]


def test_an_annotation_that_cannot_be_resolved_is_shown_as_written() -> None:
    def function(a: NoSuchType, ctx: NoSuchContext) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    described = describe(function)
    assert types(function) == [("a", "NoSuchType", True, ())]
    assert described.context == "ctx"


def test_the_first_line_of_the_docstring_describes_the_function() -> None:
    def function() -> None:
        """Reads it.

        At length.
        """

    assert describe(function).description == "Reads it."
    assert describe(function, description="Other").description == "Other"


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1, 2), {}), ((1,), {"b": 2}), ((), {"a": 1, "b": 2}), ((), {"b": 2, "a": 1})]
)
@pytest.mark.parametrize("place", ["first", "middle", "last", "keyword"])
def test_the_context_is_given_wherever_it_stands(place: str, args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    def first(ctx: Context, a: int, b: int) -> Any:
        return ctx, a, b

    def middle(a: int, ctx: Context, b: int) -> Any:
        return ctx, a, b

    def last(a: int, b: int, anything: Context) -> Any:
        return anything, a, b

    def keyword(a: int, b: int, *, ctx: Any) -> Any:
        return ctx, a, b

    described = describe({"first": first, "middle": middle, "last": last, "keyword": keyword}[place])
    assert described.run(described.bind(args, kwargs), CONTEXT) == (CONTEXT, 1, 2)


def test_a_function_without_a_context_gets_none() -> None:
    def function(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    described = describe(function)
    assert described.run(described.bind([1], {"ctx": 2}), CONTEXT) == ((1,), {"ctx": 2})


def test_nobody_else_can_give_the_context() -> None:
    def function(ctx: Context) -> None: ...

    with pytest.raises(DoesNotFit, match="unexpected keyword argument 'ctx'"):
        describe(function).bind([], {"ctx": "forged"})


def test_what_cannot_be_called_from_outside_is_refused() -> None:
    def positional(ctx: Context, /) -> None: ...

    with pytest.raises(UsageError, match="positional-only"):
        describe(positional)
    with pytest.raises(UsageError, match="needs a name"):
        describe(positional, name="x" * 1000)


@pytest.mark.parametrize(("value", "out"), [(None, []), (0, [0]), ((), []), ([], []), ("", [""]), ((1,), [1])])
def test_values_become_output(value: Any, out: list[Any]) -> None:
    assert output_of(value) == out


def test_an_error_is_its_last_line_its_message_and_its_place() -> None:
    try:
        raise KeyError("missing")
    except KeyError as error:
        lines = errors_of(error)
    assert lines[:2] == ("KeyError: 'missing'", "'missing'")
    assert lines[2].startswith("test_executor_functions.py, line ")


def test_an_error_without_words_still_says_what_it_is() -> None:
    assert errors_of(RuntimeError()) == ("RuntimeError",)


def test_an_endless_message_is_cut() -> None:
    assert all(len(line) <= 4_000 for line in errors_of(ValueError("x" * 1_000_000)))

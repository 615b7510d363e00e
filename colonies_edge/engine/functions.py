"""The registry of functions: what executors say they can do, and how long it took them (`protocol-core.md` 3.5)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from colonies_edge.engine.names import require_text
from colonies_edge.engine.rows import ProcessRow
from colonies_edge.engine.step import Handler, Step
from colonies_edge.protocol.errors import BadRequest, Forbidden
from colonies_edge.protocol.limits import FUNCTIONS_PER_EXECUTOR_MAX
from colonies_edge.protocol.messages import AddFunction, GetFunctions, RemoveFunction
from colonies_edge.protocol.model import Executor, Function

SECOND = 1_000_000_000


def add_function(step: Step, message: AddFunction) -> Function:
    """The calling executor says what it can do; what it says of its type, place and past is not believed."""
    function = message.fun
    assert function is not None  # access control refused it
    executor = step.tables.executor_named(step.colony, function.executorname)
    if executor is None:
        raise BadRequest(f"Failed to add function, Executor with name <{function.executorname}> does not exist")
    if executor.executorid != step.caller:
        raise Forbidden("Not allowed to add a function to another executor")
    require_text("Failed to add function", "function Id", function.functionid)
    require_text("Failed to add function", "function name", function.funcname)
    if function.functionid in step.tables.functions:
        raise BadRequest(f"A function with Id <{function.functionid}> already exists")
    if len(_of(step, executor)) >= FUNCTIONS_PER_EXECUTOR_MAX:
        raise BadRequest(f"Failed to add function, an executor may have {FUNCTIONS_PER_EXECUTOR_MAX} functions")
    stored = Function(
        functionid=function.functionid or step.new_id("function"),
        executorname=executor.executorname,
        executortype=executor.executortype,
        colonyname=step.colony,
        funcname=function.funcname,
        description=function.description,
        args=function.args,
        locationname=executor.locationname,
    )
    step.draft.put("functions", stored.functionid, stored)
    return stored


def _of(step: Step, executor: Executor) -> dict[str, None]:
    return step.tables.functions_of.get((executor.colonyname, executor.executorname), {})


def get_functions(step: Step, message: GetFunctions) -> list[Function]:
    """Of one executor, or of the whole colony."""
    tables = step.tables
    if message.executorname:
        keys = list(tables.functions_of.get((step.colony, message.executorname), ()))
    else:
        keys = [key for at, keys in tables.functions_of.items() if at[0] == step.colony for key in keys]
    return [tables.functions[key] for key in keys]


def remove_function(step: Step, message: RemoveFunction) -> dict[str, Any]:
    """The calling executor no longer does this."""
    function = step.tables.functions[message.functionid]
    executor = step.tables.executor_named(step.colony, function.executorname)
    if executor is None or executor.executorid != step.caller:
        raise Forbidden("Not allowed to remove a function from another executor")
    step.draft.drop("functions", message.functionid)
    return {}


def forget_functions(step: Step, executor: Executor) -> None:
    """The executor is gone, and its functions with it."""
    for key in tuple(_of(step, executor)):
        step.draft.drop("functions", key)


def count_success(step: Step, row: ProcessRow) -> None:
    """A process ended well: count it for the function, if the executor that closed it registered one of that name.

    `row` is the process after its close. Several rows of one name get the same figures, worked out from the first.
    """
    executor = step.tables.executors.get(step.caller)
    if executor is None or not row.starttime:
        return
    rows = [step.tables.functions[key] for key in _of(step, executor)]
    rows = [function for function in rows if function.funcname == row.spec.funcname]
    if not rows:
        return
    waited_s = max(0, row.starttime - row.submissiontime) / SECOND
    ran_s = max(0, row.endtime - row.starttime) / SECOND
    changes = _counted(rows[0], waited_s, ran_s)
    for function in rows:
        step.draft.patch("functions", function.functionid, **changes)


def _counted(function: Function, waited_s: float, ran_s: float) -> dict[str, Any]:
    after = replace(
        function,
        counter=function.counter + 1,
        minwaittime=_least(function.minwaittime, waited_s),
        maxwaittime=_most(function.maxwaittime, waited_s),
        avgwaittime=_halved(function.avgwaittime, waited_s),
        minexectime=_least(function.minexectime, ran_s),
        maxexectime=_most(function.maxexectime, ran_s),
        avgexectime=_halved(function.avgexectime, ran_s),
    )
    return {name: getattr(after, name) for name in _FIGURES}


_FIGURES = (
    "counter", "minwaittime", "maxwaittime", "avgwaittime", "minexectime", "maxexectime", "avgexectime",
)  # fmt: skip


def _least(old: float, new: float) -> float:
    return new if old <= 0 else min(old, new)


def _most(old: float, new: float) -> float:
    return new if old <= 0 else max(old, new)


def _halved(old: float, new: float) -> float:
    """Upstream's average: it moves half the way to the latest value."""
    return new if old <= 0 else (old + new) / 2


HANDLERS: Mapping[str, Handler] = {
    "addfunctionmsg": add_function,
    "getfunctionsmsg": get_functions,
    "removefunctionmsg": remove_function,
}

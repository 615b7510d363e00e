"""The counters of a colony and of the server; kept by the tables, not counted when asked for."""

from collections.abc import Iterable

from colonies_edge.engine.tables import Tables
from colonies_edge.protocol.model import ExecutorState, State, Statistics


def of_colony(tables: Tables, colony: str) -> Statistics:
    """`executors` counts removed ones too, as upstream does here (`protocol-core.md` 3.1)."""
    executors = _executors(tables, tables.executors_in.get(colony, ()))
    return _statistics(tables, (colony,), executors, len(executors))


def of_server(tables: Tables) -> Statistics:
    """Over all colonies; here `executors` leaves removed ones out. Upstream leaves eight of the counters at zero."""
    executors = _executors(tables, tables.executors)
    present = sum(state != ExecutorState.UNREGISTERED for state in executors)
    return _statistics(tables, tuple(tables.colonies), executors, present)


def _executors(tables: Tables, keys: Iterable[str]) -> list[int]:
    return [tables.executors[key].state for key in keys]


def _statistics(tables: Tables, colonies: tuple[str, ...], executors: list[int], counted: int) -> Statistics:
    def processes(state: State) -> int:
        return sum(tables.count(colony, state) for colony in colonies)

    def workflows(state: State) -> int:
        return sum(tables.count_graphs(colony, state) for colony in colonies)

    return Statistics(
        colonies=len(colonies),
        executors=counted,
        activeexecutors=executors.count(ExecutorState.APPROVED),
        unregisteredexecutors=executors.count(ExecutorState.UNREGISTERED),
        waitingprocesses=processes(State.WAITING),
        runningprocesses=processes(State.RUNNING),
        successfulprocesses=processes(State.SUCCESS),
        failedprocesses=processes(State.FAILED),
        cancelledprocesses=processes(State.CANCELLED),
        waitingworkflows=workflows(State.WAITING),
        runningworkflows=workflows(State.RUNNING),
        successfulworkflows=workflows(State.SUCCESS),
        failedworkflows=workflows(State.FAILED),
        cancelledworkflows=workflows(State.CANCELLED),
    )

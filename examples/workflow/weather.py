"""An executor of type `weather`: compares what two other nodes of a workflow measured.

In a folder where `colonies-edge dev` runs:

    python3 weather.py
"""

from __future__ import annotations

from typing import Any

from colonies_edge import Executor

worker = Executor.from_env(executortype="weather")


@worker.function
def compare(unit: str = "K", *, ctx: Any) -> str:
    """`ctx.input` has the outputs of all parents, in the order of `dependencies`; of a command that is text."""
    inside, outside = (float(value) for value in ctx.input)
    ctx.log(f"{inside} inside, {outside} outside")
    return f"{inside - outside:+.1f} {unit}"


if __name__ == "__main__":
    worker.run()

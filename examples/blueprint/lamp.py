"""An executor of type `lamp`: makes lamps as their blueprints say, and says how they are.

In a folder where `colonies-edge dev` runs:

    python3 lamp.py
"""

from __future__ import annotations

from typing import Any

from colonies_edge import Client, Executor

worker = Executor.from_env(executortype="lamp")
lamps: dict[str, Any] = {}  # stands for the hardware: name -> how it shines


@worker.function
def reconcile(kind: str, blueprintName: str = "", force: bool = False, *, ctx: Any) -> None:
    """Asked for one blueprint after each change of it, and for all of the kind, without a name, now and then."""
    with Client.from_env() as colony:
        wanted = [colony.get_blueprint(blueprintName)] if blueprintName else colony.get_blueprints(kind)
        for blueprint in wanted:
            name = blueprint.metadata.name
            if force or lamps.get(name) != blueprint.spec:
                lamps[name] = blueprint.spec
                ctx.log(f"{name} is now {blueprint.spec}")
            if blueprint.status != lamps[name]:
                colony.update_blueprint_status(name, lamps[name])


@worker.function
def cleanup(kind: str, blueprintName: str, *, ctx: Any) -> None:
    """The blueprint was removed."""
    lamps.pop(blueprintName, None)
    ctx.log(f"{blueprintName} is off")


if __name__ == "__main__":
    worker.run()

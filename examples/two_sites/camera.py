"""The executor of the site: takes pictures, and shows what somebody found on them."""

from typing import Any

from colonies_edge import Executor

camera = Executor.from_env(executortype="camera", executorname="camera-1")


@camera.function
def take(ctx: Any, place: str) -> str:
    ctx.log(f"a picture of {place}")
    return f"picture of {place}"


@camera.function
def show(ctx: Any) -> str:
    """What its parents in the workflow put out, on the display of the site."""
    found = ", ".join(ctx.input)
    ctx.log(f"the display says: {found}")
    return f"displayed: {found}"


camera.run()

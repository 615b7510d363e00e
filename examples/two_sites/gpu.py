"""The executor of the cloud: finds things on pictures."""

from typing import Any

from colonies_edge import Executor

gpu = Executor.from_env(executortype="gpu", executorname="gpu-1")


@gpu.function
def recognise(ctx: Any) -> str:
    pictures = ", ".join(ctx.input)
    ctx.log(f"looking at the {pictures}")
    return f"a cat on the {pictures}"


gpu.run()

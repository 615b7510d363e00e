"""An executor of type `darkroom`: makes pictures of the colony smaller, as PNG, and says how bright they are.

python3 darkroom.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pictures import from_bmp, to_png

from colonies_edge import Client, Executor

SMALL = "/photos/small"

worker = Executor.from_env(executortype="darkroom")


@worker.function
def shrink(factor: int = 2, *, ctx: Any) -> dict[str, Any]:
    """The picture that the node before took."""
    if not 1 <= factor <= 64:
        raise ValueError(f"the factor is 1 to 64, not {factor}")
    taken = ctx.input[0]
    with tempfile.TemporaryDirectory() as folder, Client.from_env() as colony:
        path = colony.download_file(taken["label"], taken["name"], folder)
        small = from_bmp(path.read_bytes()).shrunk(factor)
        file = Path(folder) / path.with_suffix(".png").name
        file.write_bytes(to_png(small))
        colony.upload_file(file, SMALL)
    ctx.log(f"{taken['name']}: {taken['width']} x {taken['height']} -> {small.width} x {small.height}")
    where = {"label": SMALL, "name": file.name}
    return {**where, "width": small.width, "height": small.height, "brightness": small.brightness()}


@worker.function
def inspect(*, ctx: Any) -> str:
    """What a person would say of it."""
    brightness = ctx.input[0]["brightness"]
    return "dark" if brightness < 50 else "bright" if brightness > 200 else "well lit"


if __name__ == "__main__":
    worker.run()

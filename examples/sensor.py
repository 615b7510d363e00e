"""An executor of type `sensor`: measures when asked, averages while showing how far it is, stops when told to.

In a folder where `colonies-edge dev` runs:

    python3 sensor.py
"""

from __future__ import annotations

import random
from typing import Any

from colonies_edge import Executor

worker = Executor.from_env(executortype="sensor")


def measured(sensor: int) -> float:
    """Stands for reading the hardware: degrees Celsius."""
    return 20.0 + sensor + random.uniform(-0.5, 0.5)


@worker.function
def read_temperature(sensor: int, unit: str = "C") -> float:
    """One reading. An unknown unit fails the process, with this message as its error."""
    if unit not in ("C", "F"):
        raise ValueError(f"unit is C or F, not {unit}")
    celsius = measured(sensor)
    return round(celsius if unit == "C" else celsius * 9 / 5 + 32, 2)


@worker.function
def average_temperature(sensor: int, seconds: int, ctx: Any) -> float:
    """The mean of a reading per second. `ctx` is not an argument of the process: it belongs to this attempt at it."""
    readings = []
    for second in range(seconds):
        readings.append(measured(sensor))
        ctx.log(f"{second + 1}/{seconds}: {readings[-1]:.2f}")
        if ctx.wait_cancelled(1):
            break  # nobody wants it any more; what is returned now is thrown away
    ctx.attribute("readings", len(readings))
    return round(sum(readings) / len(readings), 2)


if __name__ == "__main__":
    worker.run()  # until SIGTERM or Ctrl-C; finishes what it holds

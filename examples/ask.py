"""Submits to the executor of sensor.py: one reading, one that fails, and ten at once.

In a folder where `colonies-edge dev` and sensor.py run:

    python3 ask.py
"""

from __future__ import annotations

from colonies_edge import Client
from colonies_edge.client.ended import ProcessFailed


def main() -> None:
    with Client.from_env() as colony:
        one = colony.submit("read_temperature", 7, executortype="sensor", unit="F", maxexectime=10)
        print("sensor 7:", one.wait(timeout_s=30).output, "F")

        try:
            colony.submit("read_temperature", 7, executortype="sensor", unit="K").wait(timeout_s=30)
        except ProcessFailed as failure:
            print("as it should be:", failure)

        many = [colony.submit("average_temperature", n, 2, executortype="sensor", maxretries=3) for n in range(10)]
        for number, process in enumerate(many):
            print(f"sensor {number}:", process.wait(timeout_s=120).output, "C on average")


if __name__ == "__main__":
    main()

"""The workflow of compared.json, written in Python, and what came of each node.

In a folder where `colonies-edge dev`, an os executor of type `cli` and weather.py run:

    python3 submit.py
"""

from __future__ import annotations

from colonies_edge import Client


def main() -> None:
    with Client.from_env() as colony:
        flow = colony.workflow(maxexectime=30, maxretries=3)
        inside = flow.node("inside", "echo 21", executortype="cli")
        outside = flow.node("outside", "echo 7", executortype="cli")
        flow.node("compare", "compare", executortype="weather", unit="K", after=[inside, outside])
        run = flow.submit().wait(timeout_s=60)
        for name in ("inside", "outside", "compare"):
            print(f"{name}: {run[name].output}")


if __name__ == "__main__":
    main()

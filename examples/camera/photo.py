"""Asks for a picture and fetches it: a workflow over two executors, which may be on two machines.

python3 photo.py ./pictures
"""

from __future__ import annotations

import sys

from colonies_edge import Client
from colonies_edge.client.ended import WorkflowFailed


def main(folder: str) -> int:
    with Client.from_env() as colony:
        flow = colony.workflow(maxexectime=60, maxretries=2)
        taken = flow.node("capture", "capture", 640, 480, executortype="camera")
        small = flow.node("shrink", "shrink", 4, executortype="darkroom", after=[taken])
        flow.node("inspect", "inspect", executortype="darkroom", after=[small])
        try:
            run = flow.submit().wait(timeout_s=180)
        except WorkflowFailed as failure:
            print(f"no picture: {failure}", file=sys.stderr)
            return 1
        picture = run["shrink"].output
        path = colony.download_file(picture["label"], picture["name"], folder)
        print(f"{path}: {picture['width']} x {picture['height']}, {run['inspect'].output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))

"""A colony with something of everything, and a browser that looks at it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from colonies_edge.apps.dashboard import pages
from colonies_edge.crypto.identity import Signer
from tests.support.blueprints import definition, lamp
from tests.support.browser import Browser
from tests.support.http_colony import HttpColony, spec

# What would run if a text ever became HTML: each of them would leave a mark in the window.
ATTACK = "<img src=x onerror=\"window.attacked='yes'\"><script>window.attacked='yes'</script>"


@contextmanager
def dashboard(folder: Path, **options: Any) -> Iterator[tuple[HttpColony, Browser]]:
    """A coordinator with its gateway, and a browser that has not opened anything yet."""
    (folder / "browser").mkdir()
    with HttpColony(folder, pages=pages(), **options) as colony, Browser(folder / "browser") as browser:
        yield colony, browser


def address(colony: HttpColony, *, owner: bool = False) -> str:
    """With the keys behind the #, as `dev` prints it."""
    values = {"key": colony.prvkey, "colony": "lab", "server": colony.serverid}
    if owner:
        values["owner"] = colony.colony_prvkey
    return f"{colony.http}/#{urlencode(values)}"


def signed_in(colony: HttpColony, browser: Browser, **options: Any) -> None:
    browser.open(address(colony, **options))
    browser.until("document.querySelector('main h1')?.textContent === 'Overview'")


class Worker:
    """An executor that takes one process after the other, as the test says."""

    def __init__(self, colony: HttpColony, name: str = "worker", executortype: str = "cli") -> None:
        self.colony, self.name = colony, name
        self.signer: Signer = colony.worker(name, executortype)

    def offer(self, funcname: str, *args: dict[str, Any], description: str = "") -> None:
        fun = {"colonyname": "lab", "executorname": self.name, "executortype": "cli", "funcname": funcname}
        self.colony.do(self.signer, "addfunctionmsg", fun={**fun, "args": list(args), "description": description})

    def take(self, timeout: int = -1) -> Any:
        return self.colony.do(self.signer, "assignprocessmsg", colonyname="lab", timeout=timeout)

    def log(self, process: Any, message: str) -> None:
        self.colony.do(self.signer, "addlogmsg", processid=process["processid"], message=message)

    def succeed(self, process: Any, *out: Any) -> None:
        self.colony.do(self.signer, "closesuccessfulmsg", processid=process["processid"], out=list(out))

    def fail(self, process: Any, *errors: str) -> None:
        self.colony.do(self.signer, "closefailedmsg", processid=process["processid"], errors=list(errors))

    def wait(self) -> threading.Thread:
        """In a long poll, so that it is seen to be online; ends with the coordinator."""
        thread = threading.Thread(
            target=self.colony.ask, args=(self.signer, "assignprocessmsg"), kwargs={"colonyname": "lab", "timeout": 600}
        )
        thread.start()
        return thread


def workflow(colony: HttpColony, **dependencies: list[str]) -> Any:
    """A workflow of nodes of type `cli`, by what each waits for."""
    nodes = [
        {**spec(), "nodename": name, "conditions": {**spec()["conditions"], "dependencies": names}}
        for name, names in dependencies.items()
    ]
    return colony.do(colony.me, "submitworkflowspecmsg", spec={"colonyname": "lab", "functionspecs": nodes})


def furnish(colony: HttpColony, worker: Worker) -> dict[str, str]:
    """One of everything, some of it with hostile names; the ids of what has a page of its own."""
    worker.offer(
        "echo",
        {"name": "text", "type": "string", "required": True},
        {"name": "times", "type": "int"},
        description=ATTACK,
    )
    worker.offer(ATTACK)
    colony.submit(label="nightly", args=[ATTACK], kwargs={ATTACK: ATTACK}, env={"PLACE": ATTACK})
    done = worker.take()
    worker.log(done, f"begun {ATTACK}\n")
    worker.log(done, "halfway\n")
    worker.succeed(done, ATTACK, {"n": 12345678901234567890})
    colony.submit(funcname=ATTACK)
    worker.fail(worker.take(), f"ValueError: {ATTACK}")
    graph = workflow(colony, first=[], **{"second one": ["first"], ATTACK: ["first"]})
    inner = json.dumps({"colonyname": "lab", "functionspecs": [{**spec("nobody"), "nodename": "only"}]})
    cron = {"colonyname": "lab", "name": f"night {ATTACK}", "cronexpression": "0 30 2 * * *", "interval": -1}
    colony.do(colony.me, "addcronmsg", cron={**cron, "workflowspec": inner})
    generator = {"colonyname": "lab", "name": "batch", "workflowspec": inner, "trigger": 5, "timeout": 600}
    generatorid = colony.do(colony.me, "addgeneratormsg", generator=generator)["generatorid"]
    colony.do(colony.me, "packgeneratormsg", generatorid=generatorid, arg="one")
    location = {"colonyname": "lab", "name": "garden", "description": ATTACK, "lat": 65.58, "long": 22.15}
    colony.do(colony.owner, "addlocationmsg", location=location)
    stored = {"protocol": "s3", "s3object": {"server": "s3.example.org", "object": "x", "bucket": "b"}}
    file = {"colonyname": "lab", "label": "/pictures/oak", "name": "oak.jpg", "size": 1_234_567, "checksum": "ab" * 32}
    colony.do(colony.me, "addfilemsg", file={**file, "checksumalg": "SHA256", "ref": stored})
    colony.do(colony.me, "createsnapshotmsg", colonyname="lab", label="/pictures", name="then")
    colony.do(colony.owner, "addblueprintdefinitionmsg", blueprintdefinition=definition(schema=None))
    blueprint = {**lamp(), "spec": {"level": 1, "note": ATTACK}}
    colony.do(colony.me, "addblueprintmsg", blueprint=blueprint)
    return {"process": done["processid"], "graph": graph["processgraphid"]}

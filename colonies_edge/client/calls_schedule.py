"""One method per message about crons, generators and locations (`protocol-rest.md` 1, 2, 8)."""

from __future__ import annotations

from colonies_edge.client.calls_base import Calls
from colonies_edge.client.specs_workflow import AnyWorkflow, workflow_text
from colonies_edge.protocol.codec import decode
from colonies_edge.protocol.limits import COUNT_MAX
from colonies_edge.protocol.messages import (
    AddCron,
    AddGenerator,
    AddLocation,
    GetCron,
    GetCrons,
    GetGenerator,
    GetGenerators,
    GetLocation,
    GetLocations,
    PackGenerator,
    RemoveCron,
    RemoveGenerator,
    RemoveLocation,
    ResolveGenerator,
    RunCron,
)
from colonies_edge.protocol.model import Cron, Generator, Location

NO_INTERVAL = -1  # the expression decides


class ScheduleCalls(Calls):
    """Work that starts by itself, and places."""

    # Crons

    async def add_cron(
        self,
        name: str,
        workflow: AnyWorkflow,
        *,
        cron: str = "",
        interval: int = NO_INTERVAL,
        random: bool = False,
        wait: bool = False,
    ) -> Cron:
        """Start the workflow at the times of an expression with six fields, or every `interval` seconds (`random`: at
        random within them). With `wait` none starts before the one before has ended."""
        whole = Cron(
            colonyname=self.colonyname,
            name=name,
            cronexpression=cron,
            interval=interval,
            random=random,
            waitforprevprocessgraph=wait,
            workflowspec=workflow_text(workflow, self.colonyname),
        )
        return decode(Cron, await self.call(AddCron(cron=whole)))

    async def get_cron(self, cronid: str) -> Cron:
        return decode(Cron, await self.call(GetCron(cronid=cronid)))

    async def get_crons(self, count: int = COUNT_MAX) -> list[Cron]:
        """The first `count`."""
        return self.many(Cron, await self.first_of(GetCrons(colonyname=self.colonyname), "cronid", count))

    async def run_cron(self, cronid: str) -> Cron:
        """Start it now, unless it waits for the one before; the answer is the cron as it was before."""
        return decode(Cron, await self.call(RunCron(cronid=cronid)))

    async def remove_cron(self, cronid: str) -> None:
        await self.call(RemoveCron(cronid=cronid))

    # Generators

    async def add_generator(self, name: str, workflow: AnyWorkflow, *, trigger: int, timeout: int = -1) -> Generator:
        """Start the workflow with every `trigger` arguments, or after `timeout` seconds with fewer."""
        whole = Generator(
            colonyname=self.colonyname,
            name=name,
            trigger=trigger,
            timeout=timeout,
            workflowspec=workflow_text(workflow, self.colonyname),
        )
        return decode(Generator, await self.call(AddGenerator(generator=whole)))

    async def get_generator(self, generatorid: str) -> Generator:
        """With the length of its queue."""
        return decode(Generator, await self.call(GetGenerator(generatorid=generatorid)))

    async def resolve_generator(self, name: str) -> Generator:
        """By its name."""
        message = ResolveGenerator(colonyname=self.colonyname, generatorname=name)
        return decode(Generator, await self.call(message))

    async def get_generators(self, count: int = COUNT_MAX) -> list[Generator]:
        """The first `count`."""
        message = GetGenerators(colonyname=self.colonyname)
        return self.many(Generator, await self.first_of(message, "generatorid", count))

    async def pack_generator(self, generatorid: str, arg: str, *, msgid: str = "") -> None:
        """One more argument. After silence, the same `msgid` again packs it once."""
        await self.call(PackGenerator(generatorid=generatorid, arg=arg), msgid=msgid)

    async def remove_generator(self, generatorid: str) -> None:
        await self.call(RemoveGenerator(generatorid=generatorid))

    # Locations

    async def add_location(
        self, name: str, *, description: str = "", long: float = 0.0, lat: float = 0.0, locationid: str = ""
    ) -> Location:
        whole = Location(
            locationid=locationid,
            name=name,
            colonyname=self.colonyname,
            description=description,
            long=long,
            lat=lat,
        )
        return decode(Location, await self.call(AddLocation(location=whole)))

    async def get_locations(self) -> list[Location]:
        return self.many(Location, await self.call(GetLocations(colonyname=self.colonyname)))

    async def get_location(self, name: str) -> Location:
        return decode(Location, await self.call(GetLocation(colonyname=self.colonyname, name=name)))

    async def remove_location(self, name: str) -> None:
        await self.call(RemoveLocation(colonyname=self.colonyname, name=name))

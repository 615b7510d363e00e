"""What happens to crons, generators and locations when their colony goes, or their initiator gets another key."""

from colonies_edge.engine.step import Step


def drop_schedule(step: Step, colony: str) -> None:
    """The colony was removed: nothing of it may start any more."""
    schedule, draft = step.tables.schedule, step.draft
    for key in schedule.crons_in.get(colony, ()):
        draft.drop("crons", key)
    for key in schedule.generators_in.get(colony, ()):
        drop_generator(step, key)
    for key in schedule.locations_in.get(colony, ()):
        draft.drop("locations", key)


def drop_generator(step: Step, generatorid: str) -> None:
    """The generator goes, and what waits in it."""
    for key in step.tables.schedule.queues.get(generatorid, ()):
        step.draft.drop("generatorargs", key)
    step.draft.drop("generators", generatorid)


def hand_over_schedule(step: Step, old: str, new: str) -> None:
    """The initiator is the same person or device under another key; upstream's crons stop then, and nobody is told."""
    schedule, draft = step.tables.schedule, step.draft
    for key in schedule.crons_in.get(step.colony, ()):
        if schedule.crons[key].initiatorid == old:
            draft.patch("crons", key, initiatorid=new)
    for key in schedule.generators_in.get(step.colony, ()):
        if schedule.generators[key].initiatorid == old:
            draft.patch("generators", key, initiatorid=new)

"""What the commands of `fs` have in common: flags, labels, the way to the bytes, and what they say while they move."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from colonies_edge.apps.cli.command import flag
from colonies_edge.apps.cli.exits import Failed
from colonies_edge.apps.cli.session import Declined, Session
from colonies_edge.protocol.errors import UsageError

if TYPE_CHECKING:
    from colonies_edge.client.client import AsyncClient
    from colonies_edge.client.files import Filer
    from colonies_edge.client.place import Place
    from colonies_edge.client.sync import Report

DIR = flag("-d", "--dir", metavar="DIR", help="the folder (the current one)")
LABEL = flag("-l", "--label", help="the label (what the folder's .cfs says)")
NAME = flag("-n", "--name", metavar="NAME", help="the file's name")
ID = flag("-i", "--fileid", metavar="ID", help="one version of a file")

_OURS_SHOWN = 5


def boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "1"):
        return True
    if text.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def place_of(session: Session) -> Place:
    from colonies_edge.client.place import place_of_a_person

    return place_of_a_person(Path(session.args.dir or "."))


@contextmanager
def using(place: Place) -> Iterator[None]:
    """What the system says of a file below is said of the folder, which people know. Raises Failed."""
    try:
        yield
    except OSError as error:
        raise Failed(f"cannot use the folder {place.root}: {error.strerror}; name one that is yours with -d") from error


def label_of(session: Session) -> str:
    """The flag, else what the folder was synced with last."""
    from colonies_edge.client.labels import normal_label

    place = place_of(session)
    text = session.args.label or place.label()
    if not text:
        raise UsageError(f"name the label with -l: {place.root} has no .cfs that says it")
    return normal_label(text)


async def client_of(session: Session) -> AsyncClient:
    session.config.need("colonyname")
    return (await session.wire()).client


async def filer_of(session: Session) -> Filer:
    """New files go where the environment says: AWS_S3_ENDPOINT, else to the coordinator."""
    from colonies_edge.client.files import Filer
    from colonies_edge.client.s3 import S3Depot, S3Settings

    found = S3Settings.from_environment(os.environ)
    store = S3Depot(found) if found is not None else None
    return Filer(await client_of(session), store)


def agree(session: Session, question: str) -> None:
    """A yes is enough for what can be undone."""
    if session.args.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to ask (stdin is no terminal); add --yes if you mean it")
    session.console.ask(f"{question} (yes,no): ")
    if sys.stdin.readline().strip().lower() not in ("yes", "y"):
        raise Declined("Nothing was changed")


def tell_of_ours(session: Session, paths: list[str]) -> None:
    """Once, with what it is: keys and data of this program are left as they are, and whoever looks for them knows."""
    if paths:
        more = f" and {len(paths) - _OURS_SHOWN} more" if len(paths) > _OURS_SHOWN else ""
        named = ", ".join(paths[:_OURS_SHOWN]) + more
        session.console.info(f"left alone, keys or data of colonies-edge: {named}")


def judge(session: Session, report: Report, refused: list[str]) -> None:
    """Say what did not work. Raises Failed if anything did not."""
    for path in report.kept:
        session.console.info(f"a local file that only you had is kept: {path}")
    for text in (*refused, *report.failures):
        session.console.warn(text)
    if report.failures:
        raise Failed(f"{len(report.failures)} of the files could not be moved; run it again when the cause is gone")
    if refused:
        raise Failed(f"{len(refused)} names were left out, everything else is done")

"""`log`: what running processes and executors wrote."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from colonies_edge.apps.cli.command import Command, Group, flag, switch
from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.numbers import count, number
from colonies_edge.apps.cli.session import Session
from colonies_edge.apps.cli.show import at, word
from colonies_edge.apps.cli.table import paint
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.limits import LOG_COUNT_MAX, SEARCH_COUNT_MAX, SEARCH_DAYS_MAX

_COUNT = 100
_SEARCH_COUNT = 10
_SECOND_NS = 1_000_000_000
_DAY_S = 86_400
_POLL_S = 0.5
# What programs of the Colonies family write: time="…" level=info msg="…".
_LINE = re.compile(r'time="(?P<time>[^"]*)" level=(?P<level>\w+) msg="(?P<msg>(?:[^"\\]|\\.)*)"(?P<rest>.*)')
_TONES = {"error": "red", "fatal": "red", "warning": "yellow", "warn": "yellow", "debug": "dim"}


async def add(session: Session) -> int:
    reply = await session.ask("addlogmsg", processid=session.args.processid, message=session.args.msg)
    return session.done(reply, "Log added")


async def get(session: Session) -> int:
    args = session.args
    if args.follow and session.console.as_json:
        raise UsageError("--follow prints what comes, which is no one JSON value; leave out --json or --follow")
    where: dict[str, Any] = {"processid": args.processid or "", "executorname": args.executorname or ""}
    if not any(where.values()):
        raise UsageError("whose log? Give --processid ID or --executorname NAME")
    request = {"colonyname": session.colony, **where, "count": args.count, "since": args.since or 0}
    entries = await session.ask("getlogsmsg", **request, latest=not args.first and not args.since) or []
    if session.shown_as_json(entries):
        return 0
    write(session.console, entries)
    if args.follow:
        from colonies_edge.apps.cli.services import until_told

        # An executor's log has no end of its own: Ctrl-C is one.
        ended = session.finished(args.processid) if args.processid else until_told().wait()
        end: asyncio.Future[Any] = asyncio.ensure_future(ended)
        await follow(session, where, newest(entries, args.since or 0), end)
    return 0


async def search(session: Session) -> int:
    """The lines that contain a text, newest first; with --print each within the log that it is in."""
    args = session.args
    if args.print and session.console.as_json:
        raise UsageError("--print shows logs as they are, which is no JSON; leave out --json or --print")
    found = await session.ask(
        "searchlogsmsg", colonyname=session.colony, text=args.text, days=args.days, count=args.count
    )
    if not session.listed(found, f"Nobody wrote {args.text!r} within {args.days} days"):
        return 0
    for entry in found:
        session.console.pairs(
            [
                ("Timestamp", at(int(entry.get("timestamp") or 0))),
                ("ExecutorName", word(entry.get("executorname"))),
                ("ProcessID", word(entry.get("processid"))),
                ("Text", word(entry.get("message"))),
            ],
            "Log",
        )
        if args.print:
            await _print_around(session, entry)
    return 0


async def _print_around(session: Session, entry: dict[str, Any]) -> None:
    """The log from some seconds before an entry on, up to the limit of one answer."""
    processid = entry.get("processid") or ""
    executorname = "" if processid else entry.get("executorname") or ""  # executors log beside processes, too
    since = max(1, int(entry.get("timestamp") or 0) - session.args.seconds * _SECOND_NS)
    where: dict[str, Any] = {"colonyname": session.colony, "processid": processid, "executorname": executorname}
    entries = await session.ask("getlogsmsg", **where, count=LOG_COUNT_MAX, since=since, latest=False)
    write(session.console, entries or [])
    if entries and not word(entries[-1].get("message")).endswith("\n"):
        session.console.text()


async def follow(session: Session, where: dict[str, Any], since: int, end: asyncio.Future[Any]) -> None:
    """Print the log while it grows, until `end`, and once more then, for what came with the last breath. Raises
    BrokenPipeError when who reads it has left, also while there is nothing to print."""
    try:
        while not end.done():
            since = await follow_once(session, where, since)
            session.console.require_reader()
            await asyncio.wait({end}, timeout=_POLL_S)
        await end
        await follow_once(session, where, since)
    finally:
        end.cancel()


async def follow_once(session: Session, where: dict[str, Any], since: int) -> int:
    """Write what is new; returns from where to go on. Pages until there is nothing more."""
    while True:
        entries = await session.ask(
            "getlogsmsg", colonyname=session.colony, **where, count=LOG_COUNT_MAX, since=since, latest=False
        )
        write(session.console, entries or [])
        since = newest(entries or [], since)
        if len(entries or []) < LOG_COUNT_MAX:
            return since


def newest(entries: list[dict[str, Any]], since: int) -> int:
    return max([since, *(int(entry.get("timestamp") or 0) for entry in entries)])


def write(console: Console, entries: list[dict[str, Any]]) -> None:
    """Messages one after another, without line ends of ours: they are pieces of an output."""
    for entry in entries:
        message = entry.get("message") or ""
        line = _LINE.fullmatch(message.rstrip("\n"))
        if line is None:
            console.stream(message)
            continue
        level = paint(line["level"].upper(), _TONES.get(line["level"].lower(), "blue"), console.style)
        text = line["msg"].replace('\\"', '"').replace("\\\\", "\\")
        console.stream(f"[{line['time']}] {level}   {text}{line['rest']}\n")


GROUP = Group(
    name="log",
    help="logs of processes and executors",
    commands=(
        Command(
            name="add",
            help="add to the log of a running process, as its executor",
            run=add,
            key="executor_prvkey",
            colony=True,
            flags=(
                flag("-p", "--processid", required=True, metavar="ID", help="the process"),
                flag("-m", "--msg", required=True, metavar="TEXT", help="what to write"),
            ),
        ),
        Command(
            name="get",
            help="print a log",
            run=get,
            key="prvkey",
            colony=True,
            exclusive=(
                (
                    flag("-p", "--processid", metavar="ID", help="the log of this process"),
                    flag("-e", "--executorname", metavar="NAME", help="everything this executor wrote"),
                ),
                (
                    switch("-l", "--latest", help="the newest entries (this is what happens without a flag)"),
                    switch("-f", "--first", help="the oldest entries"),
                    flag("--since", type=number, metavar="NS", help="entries after this time, nanoseconds since 1970"),
                ),
            ),
            flags=(
                flag(
                    "--count",
                    type=count(LOG_COUNT_MAX),
                    default=_COUNT,
                    metavar="N",
                    help=f"at most so many entries ({_COUNT})",
                ),
                switch("--follow", help="go on printing until the process has ended, or Ctrl-C"),
            ),
        ),
        Command(
            name="search",
            help="find lines of all logs of the colony",
            run=search,
            key="prvkey",
            colony=True,
            flags=(
                flag("-t", "--text", required=True, metavar="TEXT", help="what they contain, exactly as it is written"),
                flag(
                    "-d",
                    "--days",
                    type=count(SEARCH_DAYS_MAX),
                    default=1,
                    metavar="N",
                    help="not older than so many days (1)",
                ),
                flag(
                    "--count",
                    type=count(SEARCH_COUNT_MAX),
                    default=_SEARCH_COUNT,
                    metavar="N",
                    help=f"at most so many, the newest ({_SEARCH_COUNT})",
                ),
                switch("--print", help="show the log around each"),
                flag(
                    "--seconds",
                    type=count(_DAY_S, least=0),
                    default=1,
                    metavar="S",
                    help="with --print, from so many seconds before it on (1)",
                ),
            ),
        ),
    ),
)

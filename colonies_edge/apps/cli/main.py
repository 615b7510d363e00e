"""The door of the command line: runs one command and turns whatever happens into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from colonies_edge.apps.cli.console import PROGRAM, Console
from colonies_edge.apps.cli.exits import FAILED, INTERRUPTED, NO_CONNECTION, PIPE_CLOSED, SUCCESS, USAGE, Failed
from colonies_edge.apps.cli.parser import parse
from colonies_edge.protocol.errors import ColoniesError, NoConnection, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; never raises, prints one line on stderr for a failure."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name in a foreign script must not end the program
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except SystemExit as ending:  # argparse printed help or the version
        return ending.code if isinstance(ending.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
        return PIPE_CLOSED
    except Exception as error:
        line, code = explain(error)
        if code is None:
            raise
        print(f"{PROGRAM}: {line}", file=sys.stderr)
        return code


def _run(words: Sequence[str]) -> int:
    args = parse(words)
    if hasattr(args, "run"):  # a command with a parser of its own
        code: int = args.run(args)
        return code
    if not hasattr(args, "command"):
        args.help.print_help()
        return SUCCESS
    _log_to_stderr(args.verbose or os.environ.get("COLONIES_VERBOSE", "").lower() == "true")
    return _run_command(args)


def _run_command(args: argparse.Namespace) -> int:
    import inspect

    from colonies_edge.apps.cli.session import Declined, Session

    console = Console(as_json=args.json, quiet=args.quiet)
    session = Session(args, console)
    try:
        if inspect.iscoroutinefunction(args.command.run):
            import asyncio

            return asyncio.run(session.run())
        code: int = args.command.run(session)
        return code
    except Declined as answer:
        console.info(str(answer))
        return SUCCESS


def _log_to_stderr(verbose: bool) -> None:
    import logging

    from colonies_edge.apps.journal_log import JournalHandler, read_by_journal

    if read_by_journal(sys.stderr, os.environ):
        # Commands of an executor share our stderr's variables but not our stderr; a service says more than a command.
        logging.basicConfig(level=logging.WARNING, handlers=[JournalHandler(PROGRAM, sys.stderr)])
        logging.getLogger("colonies_edge").setLevel(logging.DEBUG if verbose else logging.INFO)
        return
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s" if verbose else f"{PROGRAM}: %(message)s",
    )


def explain(error: Exception) -> tuple[str, int | None]:
    """One line that says what happened and what to do, and the exit code; None is a defect of ours."""
    from colonies_edge.crypto.identity import InvalidKey

    line = " ".join(str(error).split())
    if isinstance(error, Failed):
        return line, FAILED
    if isinstance(error, UsageError):
        return line, USAGE
    if isinstance(error, InvalidKey):
        return f"{line}; a private key is 64 hex digits, `{PROGRAM} security generate` makes one", USAGE
    if isinstance(error, NoConnection):
        hint = f"; `{PROGRAM} doctor` finds out more" if line.startswith("no answer") else ""
        return f"{line}{hint}", NO_CONNECTION
    if isinstance(error, ColoniesError):
        return f"{line} (status {error.status}){_remedy(error.status)}", FAILED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or line}", FAILED
    return line, None


def _remedy(status: int) -> str:
    """What a person can do about a refusal; the coordinator's text says what it is."""
    return {
        400: "; correct the request and try again",
        403: f"; `{PROGRAM} config` shows which key and colony are used, and where they come from",
        404: "; check the name or id",
        408: "; try again later",
        409: "; look at its present state first",
        413: "; send less, keep big data in files",
        429: "; wait a little and try again",
        503: "; try again later",
    }.get(status, "; check the name or id, the coordinator's log may say more")

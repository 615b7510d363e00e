"""The door of the command line: runs one command and turns whatever happens into one line and an exit code."""

from __future__ import annotations

import argparse
import errno
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
        line, code = explain(error, as_json="--json" in words)
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
    logging.getLogger("colonies_edge").setLevel(logging.DEBUG if verbose else logging.WARNING)
    logging.basicConfig(
        level=logging.WARNING,  # of libraries: what they say of themselves at length helps nobody here
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s" if verbose else f"{PROGRAM}: %(message)s",
    )


def explain(error: Exception, *, as_json: bool = False) -> tuple[str, int | None]:
    """One line that says what happened and what to do, and the exit code; None is a defect of ours. With
    `as_json` refusals keep the text of the wire: a program reads them."""
    from colonies_edge.apps.config import A_KEY
    from colonies_edge.crypto.identity import InvalidKey

    line = " ".join(str(error).split())
    if isinstance(error, Failed):
        return line, FAILED
    if isinstance(error, UsageError):
        return line, USAGE
    if isinstance(error, InvalidKey):
        return f"this is no private key; {A_KEY}", USAGE
    if isinstance(error, NoConnection):
        hint = f"; `{PROGRAM} doctor` finds out more" if line.startswith("no answer") else ""
        return f"{line}{hint}", NO_CONNECTION
    if isinstance(error, ColoniesError):
        from colonies_edge.apps.cli.refusals import as_on_the_wire, in_words

        return (as_on_the_wire if as_json else in_words)(error), FAILED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or line}{_remedy(error)}", FAILED
    return line, None


def _remedy(error: OSError) -> str:
    """What a person can do about a file or a folder that cannot be used."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            "; run it in a folder that is yours, name one (most commands: --data DIR), or have its permissions changed"
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "; a file is where a folder should be: name another one"
    return {
        errno.ENOENT: "; check the path",
        errno.EISDIR: "; name a file",
        errno.ENOSPC: "; make room on that disk",
    }.get(error.errno or 0, "")

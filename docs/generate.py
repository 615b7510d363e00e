"""Rewrites what the documents have from the code: blocks of tables, and the whole reference of the command line.

python3 docs/generate.py            # rewrite
python3 docs/generate.py --check    # exit 1 when a block is stale
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import generate_reference

from colonies_edge.engine.access import RULES, Memory
from colonies_edge.engine.lifecycle import MOVES, Move
from colonies_edge.protocol import errors
from colonies_edge.protocol.messages import MESSAGES
from colonies_edge.protocol.messages_base import Stamp
from colonies_edge.protocol.model import State

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "docs" / "PROTOCOL.md", generate_reference.PAGE)
FILES = generate_reference.FILES
LIMITS = ROOT / "colonies_edge" / "protocol" / "limits.py"

BLOCK = re.compile(r"(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LIMIT = re.compile(r"([A-Z_0-9]+) = (\S.*?)  # (.+)")
HEADING = re.compile(r"# -{3,} (.+?) -{3,}")

REMEMBERED = {Memory.NONE: "-", Memory.VOLATILE: "in memory", Memory.DURABLE: "durably"}


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def lifecycle() -> Iterator[str]:
    """Each state with where each move leads, and the same as a diagram."""
    rows = (
        (f"{state.name} ({int(state)})", *(after.name if (after := MOVES.get((state, move))) else "-" for move in Move))
        for state in State
    )
    yield from table(("state", *(move.value for move in Move)), rows)
    yield from ("", "```mermaid", "stateDiagram-v2", f"    [*] --> {State.WAITING.name}: submit")
    for (state, move), after in MOVES.items():
        yield f"    {state.name} --> {after.name}: {move.value}"
    yield "```"


def messages() -> Iterator[str]:
    """Each message: its fields by the names they have on the wire, who may send it, how its answer is remembered."""
    stamps = {field.name for field in dataclasses.fields(Stamp)}
    rows = (
        (
            f"`{msgtype}`",
            ", ".join(f"`{key}`" for key in keys_of(MESSAGES[msgtype].cls, stamps)) or "-",
            rule.role.value,
            REMEMBERED[rule.memory],
        )
        for msgtype, rule in RULES.items()
    )
    yield from table(("message", "fields", "who", "answer remembered"), rows)


def keys_of(cls: type[Stamp], stamps: set[str]) -> Iterator[str]:
    for field in dataclasses.fields(cls):
        if field.name not in stamps:
            yield str(field.metadata.get("key", field.name.rstrip("_")))  # `in` is no name in Python


def statuses() -> Iterator[str]:
    """Each status with the default message of its exception."""
    kinds = (cls for cls in errors.ColoniesError.__subclasses__() if cls.__module__ == errors.__name__)
    classes = sorted(kinds, key=lambda cls: cls.status)
    yield from table(("status", "meaning"), ((str(cls.status), cls().message) for cls in classes))


def limits() -> Iterator[str]:
    """Each bound with its value and its reason, as `limits.py` has them."""
    found: list[tuple[str, ...]] = []
    for line in LIMITS.read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            found.append((f"**{heading[1]}**", "", ""))
        elif bound := LIMIT.fullmatch(line):
            found.append((f"`{bound[1]}`", bound[2].replace("_", ","), bound[3]))
    yield from table(("limit", "value", "why"), iter(found))


MAKERS: dict[str, Callable[[], Iterator[str]]] = {
    "lifecycle": lifecycle,
    "messages": messages,
    "statuses": statuses,
    "limits": limits,
    **generate_reference.MAKERS,
}


def rewritten(text: str) -> str:
    """The page with every generated block made anew."""

    def made(match: re.Match[str]) -> str:
        lines = "".join(f"{line}\n" for line in MAKERS[match[2]]())
        return f"{match[1]}{lines}{match[3]}"

    return BLOCK.sub(made, text)


def wanted() -> dict[Path, str]:
    """Each file as it should be."""
    return {
        **{page: rewritten(page.read_text(encoding="utf-8")) for page in PAGES},
        **{path: make() for path, make in FILES.items()},
    }


def stale() -> dict[Path, str]:
    """Those that are not, with what they should be."""
    return {
        path: text for path, text in wanted().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main(arguments: list[str]) -> int:
    found = stale()
    if arguments == ["--check"]:
        return int(bool(found))
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

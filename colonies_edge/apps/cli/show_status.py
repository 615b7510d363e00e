"""How `status` reads: a few lines per subject, the most pressing first, cut to the screen where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from colonies_edge.apps.cli import table
from colonies_edge.apps.cli.presence import (
    AT_WORK,
    OFFLINE,
    ONLINE,
    PENDING,
    PRESENCE_TONES,
    SECOND_NS,
    UNREGISTERED,
    ExecutorLine,
)
from colonies_edge.apps.cli.show import STATES, at
from colonies_edge.apps.cli.status_view import View, WaitingLine
from colonies_edge.apps.cli.table import Cell, Style

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_CLOCK_WARNING_MS = 5_000  # as in `doctor`: above this a person comparing logs is misled
_STATE_TONES = {
    "waiting": "yellow",
    "running": "blue",
    "successful": "green",
    "failed": "red",
    "cancelled": "magenta",
}
_NAME, _COUNT = 9, 7  # cells of "Processes", and of a counter
_HELD_SHOWN = 3
_LAST_COLUMN_MIN = 12  # the last column says what something does, or why it failed: it gets at least so much


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A subject: its heading and its rows, of which a small screen shows the first ones."""

    title: str
    note: str
    rows: tuple[tuple[Cell, ...], ...]
    tone: str = ""


def lines(view: View, style: Style, *, height: int | None = None, trouble: str = "") -> list[str]:
    """The whole of it; with a height, no more lines than that."""
    head = [line for line in (*_head(view, style), *_trouble(view, trouble, style)) if line]
    sections = list(sections_of(view))
    room = _share(sections, None if height is None else height - len(head))
    spaced = height is None or len(head) + sum(shown + 2 for shown in room if shown >= 0) <= height
    body: list[str] = []
    for section, shown in zip(sections, room, strict=True):
        if shown >= 0:
            body += ["", *_section(section, shown, style)] if spaced else _section(section, shown, style)
    return [*head, *body][: height or None]


def sections_of(view: View) -> Iterator[Section]:
    """In the order in which they are shown. What else a colony shows of itself one day (bridges) is one more."""
    yield _executors(view)
    if view.waiting:
        yield _waiting(view)
    if view.failed:
        yield _failed(view)
    if view.crons:
        yield _crons(view)


def age(ns: int) -> str:
    """`40 s`, `3 min`, `2 h`: one unit, as a person says it."""
    seconds = max(0, ns) // SECOND_NS
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size or size == 1)
    return f"{seconds // size} {unit}"


# -- the head


def _head(view: View, style: Style) -> Iterator[str]:
    """What is cut first on a narrow screen stands last."""
    here = view.coordinator
    since = f", up {age(view.now - here.online_since)}" if here.online_since else ""
    yield _fit(
        [
            Cell(view.colonyname, "bold"),
            Cell("  ASSIGNMENTS ARE PAUSED" if here.paused else "", "red"),
            Cell(f"  coordinator {here.version}{since}"),
            Cell(_clock(here.clock_offset_ms), "yellow" if _misleading(here.clock_offset_ms) else ""),
            Cell(f"  {at(view.now)[11:]}  {here.broker}", "dim"),
        ],
        style,
    )
    titles = [Cell(f"{state:>{_wide(state)}}", _STATE_TONES[state]) for state in STATES]
    yield _fit([Cell(" " * _NAME), *titles], style)
    for of in ("processes", "workflows"):
        counts = [(state, view.count(state, of)) for state in STATES]
        cells = [Cell(f"{count:>{_wide(state)}}", "bold" if count else "dim") for state, count in counts]
        yield _fit([Cell(f"{of.capitalize():<{_NAME}}"), *cells], style)


def _wide(state: str) -> int:
    return max(len(state), _COUNT) + 2


def _clock(offset_ms: int | None) -> str:
    if offset_ms is None:
        return ""
    if not _misleading(offset_ms):
        return "  clocks agree"
    return f"  this clock is {age(abs(offset_ms) * 1_000_000)} {'behind' if offset_ms > 0 else 'ahead'}"


def _misleading(offset_ms: int | None) -> bool:
    return offset_ms is not None and abs(offset_ms) > _CLOCK_WARNING_MS


def _trouble(view: View, trouble: str, style: Style) -> Iterator[str]:
    if trouble:
        yield _fit([Cell(f"As it was {at(view.now)}: {trouble}", "red")], style)
    for about, text in view.trouble.items():
        yield _fit([Cell(f"{about} not shown: {text}", "red")], style)


# -- the subjects


def _executors(view: View) -> Section:
    online = sum(executor.presence in (ONLINE, AT_WORK) for executor in view.executors)
    others = len(view.executors) - online
    note = f"{online} online" + (f", {others} not" if others else "") if view.executors else "nobody has registered"
    return Section(
        title="Executors", note=note, rows=tuple(_executor(executor, view.now) for executor in view.executors)
    )


def _executor(executor: ExecutorLine, now: int) -> tuple[Cell, ...]:
    presence = executor.presence
    if presence in (OFFLINE, UNREGISTERED):
        heard = executor.lastheardfromtime
        presence = f"{presence} {age(now - heard)}" if heard else "not heard yet"
    elif presence == PENDING:
        presence = "to approve"
    held = [f"{line.funcname} {age(now - line.starttime)}" for line in executor.holding[:_HELD_SHOWN]]
    more = len(executor.holding) - len(held)
    return (
        Cell(executor.executorname),
        Cell(executor.executortype),
        Cell(executor.locationname or "-", "" if executor.locationname else "dim"),
        Cell(presence, PRESENCE_TONES.get(executor.presence, "dim")),
        Cell(", ".join(held) + (f", and {more} more" if more else "") or "-", "blue" if held else "dim"),
    )


def _waiting(view: View) -> Section:
    of_all = view.count("waiting")
    note = f"the first {view.waiting_seen} of {of_all}" if of_all > view.waiting_seen else ""
    return Section(title="Waiting", note=note, rows=tuple(_waiting_row(line, view.now) for line in view.waiting))


def _waiting_row(line: WaitingLine, now: int) -> tuple[Cell, ...]:
    if not line.executors:
        served = Cell("NOBODY serves this type", "red")
    elif not line.executors_online:
        served = Cell(f"none of {line.executors} is online", "red")
    else:
        served = Cell(f"{line.executors_online} online", "green")
    return (
        Cell(line.executortype or "-"),
        Cell(str(line.waiting)),
        served,
        Cell(f"oldest {age(now - line.submissiontime)}", "yellow"),
        Cell(line.funcname),
    )


def _failed(view: View) -> Section:
    rows = tuple(
        (
            Cell(f"{age(view.now - line.endtime)} ago" if line.endtime else "-"),
            Cell(line.executorname or "-"),
            Cell(line.funcname),
            Cell(line.error or "no reason was given", "red"),
        )
        for line in view.failed
    )
    return Section(title="Last failures", note="", rows=rows)


def _crons(view: View) -> Section:
    rows = tuple(
        (
            Cell(line.name),
            Cell(at(line.nextrun) or "-"),
            Cell(line.error, "red") if line.error else Cell(_until(line.nextrun - view.now), "dim"),
        )
        for line in view.crons
    )
    return Section(title="Crons", note="", rows=rows)


def _until(ns: int) -> str:
    return f"in {age(ns)}" if ns > 0 else "now"


# -- fitting it in


def _share(sections: Sequence[Section], height: int | None) -> list[int]:
    """How many rows each section may show; -1 leaves it out. One row each in turn, so that none hides the others."""
    if height is None:
        return [len(section.rows) for section in sections]
    room, left = [-1] * len(sections), height
    for index, section in enumerate(sections):
        least = 1 + min(1, len(section.rows))
        if left >= least:
            room[index], left = least - 1, left - least
    while left > 0:
        growing = [i for i, section in enumerate(sections) if 0 <= room[i] < len(section.rows)]
        if not growing:
            break
        for index in growing[:left]:
            room[index], left = room[index] + 1, left - 1
    return room


def _section(section: Section, shown: int, style: Style) -> list[str]:
    hidden = len(section.rows) - shown
    note = f"  {section.note}" if section.note else ""
    more = f"  ({hidden} more)" if hidden else ""
    title = _fit([Cell(section.title.upper(), "bold"), Cell(f"{note}{more}", "dim")], style)
    return [title, *_aligned(section.rows[:shown], style)]


def _aligned(rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    """Columns with two blanks between them; the last one takes what is left."""
    if not rows:
        return []
    clean = [[Cell(table.clean(cell.text, lines=False), cell.tone) for cell in row] for row in rows]
    widths = [max(table.cells_of(row[index].text) for row in clean) for index in range(len(rows[0]))]
    _narrow(widths, style.width)
    return [_fit(_padded(row, widths, style), style) for row in clean]


def _narrow(widths: list[int], width: int | None) -> None:
    """Take cells from the widest columns but the last until that one has room."""
    if width is None:
        return
    wanted = min(widths[-1], _LAST_COLUMN_MIN)
    while sum(widths[:-1]) + 2 * len(widths) + wanted > width:
        widest = max(widths[:-1])
        if widest <= table.COLUMN_CELLS_MIN:
            break
        widths[widths.index(widest)] -= 1


def _padded(row: Sequence[Cell], widths: Sequence[int], style: Style) -> Iterator[Cell]:
    ellipsis = _ellipsis(style)
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield Cell("  ")
        if index == len(row) - 1:
            yield cell
        else:
            text = table.cut(cell.text, width, ellipsis)
            yield Cell(text + " " * (width - table.cells_of(text)), cell.tone)


def _fit(cells: Sequence[Cell] | Iterator[Cell], style: Style) -> str:
    """One line of painted pieces, cut at the right edge."""
    left, parts = style.width, []
    for cell in cells:
        text = table.clean(cell.text, lines=False)
        if left is not None:
            text = table.cut(text, left, _ellipsis(style)) if left > len(_ellipsis(style)) else text[:left]
            left -= table.cells_of(text)
        parts.append(table.paint(text, cell.tone, style))
    return "".join(parts).rstrip()


def _ellipsis(style: Style) -> str:
    return "…" if style.unicode else "..."

"""Tables a person likes to read: rounded boxes on a terminal, plain ASCII elsewhere, in the order they were given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLUMN_CELLS_MIN = 6  # below this a cut cell says nothing any more

_INDENT = 2
_VALUE_CELLS_MIN = 36  # with less beside the names, values stand below them

TONES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35"}

# Text of strangers is shown in the owner's terminal: nothing in it may move the cursor or turn the writing direction.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the place that shows the table can do. `width` None means that nothing is cut."""

    unicode: bool = False
    colour: bool = False
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`keep` marks what is useless when cut, ids above all: it is whole or not there. `drop` says who goes where
    there is no room for all, the highest first; 0 stays."""

    title: str
    keep: bool = False
    right: bool = False
    drop: int = 0


@dataclass(frozen=True, slots=True)
class _Box:
    top: str  # left corner, line, joint, right corner
    middle: str
    bottom: str
    bar: str
    ellipsis: str


_ROUNDED = _Box("╭─┬╮", "├─┼┤", "╰─┴╯", "│", "…")
_ASCII = _Box("+-++", "+-++", "+-++", "|", "...")


def grid(columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], style: Style, *, title: str = "") -> str:
    """A table with a header. Where the terminal is narrow, columns give way as they say, and others are cut."""
    box = _ROUNDED if style.unicode else _ASCII
    body = [[_cell(value) for value in row] for row in rows]
    header = [Cell(column.title.upper(), "bold") for column in columns]
    cells = [[Cell(clean(cell.text, lines=False), cell.tone) for cell in row] for row in [header, *body]]
    widths = [max(cells_of(row[index].text) for row in cells) for index in range(len(columns))]
    shown = _shown(columns, cells, widths, style.width)
    columns, widths = [columns[index] for index in shown], [widths[index] for index in shown]
    cells = [[row[index] for index in shown] for row in cells]
    widths = _fit(widths, [_least(*pair) for pair in zip(columns, widths, strict=True)], style.width)
    if style.width is not None and _across(widths) > style.width:
        return _bare(cells[1:], style)
    _make_room(widths, title)
    lines = [_rule(box.top, widths, title, style)]
    for number, row in enumerate(cells):
        parts = [Cell(cut(cell.text, width, box.ellipsis), cell.tone) for cell, width in zip(row, widths, strict=True)]
        lines.append(_line(box, parts, widths, style, [column.right for column in columns]))
        if number == 0:
            lines.append(_rule(box.middle, widths, "", style))
    lines.append(_rule(box.bottom, widths, "", style))
    return "\n".join(lines)


def pairs(items: Iterable[tuple[str, str | Cell]], style: Style, *, title: str = "", tone: str = "") -> str:
    """Names and values in the order given; long values go on in the next line, nothing is cut."""
    box = _ROUNDED if style.unicode else _ASCII
    cells = [(clean(name, lines=False), _cell(value)) for name, value in items]
    wide = [(name, clean(cell.text, lines=True).split("\n"), cell.tone) for name, cell in cells]
    widths = [
        max((cells_of(name) for name, _, _ in wide), default=0),
        max((cells_of(part) for _, parts, _ in wide for part in parts), default=0),
    ]
    if style.width is not None and style.width - widths[0] < _VALUE_CELLS_MIN:
        return _stacked(wide, style, title, tone)
    widths = _fit(widths, [widths[0], COLUMN_CELLS_MIN], style.width)
    _make_room(widths, title)
    lines = [_rule(box.top, widths, title, style, tone)]
    for name, parts, value_tone in wide:
        wrapped = [piece for part in parts for piece in wrap(part, widths[1])]
        for number, piece in enumerate(wrapped):
            left = Cell(name if number == 0 else "", "dim")
            lines.append(_line(box, [left, Cell(piece, value_tone)], widths, style, [False, False]))
    lines.append(_rule(box.bottom, widths, "", style))
    return "\n".join(lines)


def clean(text: str, *, lines: bool) -> str:
    """Text that cannot steer a terminal: control characters become visible, line ends stay only where allowed."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    if not lines:
        text = " ".join(text.strip("\n").split("\n"))  # blanks in front stay: they are how a tree is drawn
    return "".join(c if c == "\n" or not _harmful(c) else _visible(c) for c in text)


def _harmful(char: str) -> bool:
    return char in _BIDI or unicodedata.category(char) in ("Cc", "Cs")


def _visible(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def cells_of(text: str) -> int:
    """How many terminal cells a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int, ellipsis: str) -> str:
    if cells_of(text) <= width:
        return text
    return _head(text, width - len(ellipsis)) + ellipsis


def _head(text: str, width: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += _cells(char)
        if taken > width:
            return text[:index]
    return text


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at blanks where there are any."""
    lines = []
    while cells_of(text) > width:
        head = _head(text, width) or text[:1]
        blank = head.rfind(" ")
        if text[len(head) : len(head) + 1] != " " and blank > width // 2:
            head = head[:blank]
        lines.append(head.rstrip(" "))
        text = text[len(head) :].lstrip(" ")
    return [*lines, text] if text or not lines else lines


def _cell(value: str | Cell) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _across(widths: Sequence[int]) -> int:
    """Cells of a table with its lines."""
    return sum(widths) + 3 * len(widths) + 1


def _least(column: Column, width: int) -> int:
    """How narrow a column may get while others could go instead: its title stays whole."""
    return width if column.keep else min(width, max(COLUMN_CELLS_MIN, cells_of(column.title)))


def _shown(
    columns: Sequence[Column], cells: Sequence[Sequence[Cell]], widths: Sequence[int], limit: int | None
) -> list[int]:
    """Which columns there is room for, those that say how little they matter last, those with nothing in them at all
    after them."""
    empty = [not any(row[index].text for row in cells[1:]) for index in range(len(columns))]
    shown = [index for index, column in enumerate(columns) if not column.drop]
    others = [index for index, column in enumerate(columns) if column.drop]
    for index in sorted(others, key=lambda index: (empty[index], columns[index].drop)):
        wanted = sorted([*shown, index])
        if limit is None or _across([_least(columns[i], widths[i]) for i in wanted]) <= limit:
            shown = wanted
    return shown


def _fit(widths: Sequence[int], least: Sequence[int], limit: int | None) -> list[int]:
    """Take cells from the widest columns until the table fits, as far as they may get narrower."""
    widths = list(widths)
    while limit is not None and _across(widths) > limit:
        widest = max((w for w, low in zip(widths, least, strict=True) if w > low), default=0)
        if not widest:
            break
        index = next(i for i, w in enumerate(widths) if w == widest and w > least[i])
        widths[index] -= 1
    return widths


def _bare(rows: Sequence[Sequence[Cell]], style: Style) -> str:
    """For a terminal in which not even an id has room: no box, so what goes on in its next line can be copied whole."""
    return "\n".join("  ".join(paint(cell.text, cell.tone, style) for cell in row if cell.text) for row in rows)


def _stacked(items: Sequence[tuple[str, Sequence[str], str]], style: Style, title: str, tone: str) -> str:
    """Names and values of a narrow terminal: each value below its name."""
    width = max(_INDENT + 1, style.width or 0)
    lines = [paint(title, tone or "bold", style)] if title else []
    for name, parts, value_tone in items:
        lines.append(paint(cut(name, width, _ASCII.ellipsis), "dim", style))
        pieces = (piece for part in parts for piece in wrap(part, width - _INDENT))
        lines += [" " * _INDENT + paint(piece, value_tone, style) for piece in pieces if piece]
    return "\n".join(lines)


def _make_room(widths: list[int], title: str) -> None:
    inner = sum(widths) + 3 * len(widths) - 1
    widths[-1] += max(0, cells_of(title) + 4 - inner) if title else 0


def _rule(shape: str, widths: Sequence[int], title: str, style: Style, tone: str = "") -> str:
    left, line, joint, right = tuple(shape)
    inner = joint.join(line * (width + 2) for width in widths)
    if not title:
        return paint(left + inner + right, "dim", style)
    rest = inner[cells_of(title) + 3 :]
    return (
        paint(left + line, "dim", style)
        + f" {paint(title, tone or 'bold', style)} "
        + paint(rest + right, "dim", style)
    )


def _line(box: _Box, cells: Sequence[Cell], widths: Sequence[int], style: Style, right: Sequence[bool]) -> str:
    bar = paint(box.bar, "dim", style)
    parts = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        blank = " " * (width - cells_of(cell.text))
        text = paint(cell.text, cell.tone, style)
        parts.append(f" {blank}{text} " if to_right else f" {text}{blank} ")
    return bar + bar.join(parts) + bar


def paint(text: str, tone: str, style: Style) -> str:
    return f"\x1b[{TONES[tone]}m{text}\x1b[0m" if style.colour and tone and text else text

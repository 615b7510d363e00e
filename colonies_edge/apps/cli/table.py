"""Tables a person likes to read: rounded boxes on a terminal, plain ASCII elsewhere, in the order they were given."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLUMN_CELLS_MIN = 6  # below this a cut cell says nothing any more

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
    """`keep` marks what is useless when cut, ids above all: it stays whole even if the table gets too wide."""

    title: str
    keep: bool = False
    right: bool = False


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
    """A table with a header; what does not fit is cut."""
    box = _ROUNDED if style.unicode else _ASCII
    body = [[_cell(value) for value in row] for row in rows]
    header = [Cell(column.title.upper(), "bold") for column in columns]
    cells = [[Cell(clean(cell.text, lines=False), cell.tone) for cell in row] for row in [header, *body]]
    widths = [max(cells_of(row[index].text) for row in cells) for index in range(len(columns))]
    widths = _fit(widths, [column.keep for column in columns], style.width)
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
    widths = _fit(widths, [True, False], style.width)
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


def _fit(widths: list[int], keep: Sequence[bool], limit: int | None) -> list[int]:
    """Take cells from the widest columns until the table fits, or until cutting more would hide everything."""
    widths = list(widths)
    while limit is not None and sum(widths) + 3 * len(widths) + 1 > limit:
        widest = max((w for w, kept in zip(widths, keep, strict=True) if not kept), default=0)
        if widest <= COLUMN_CELLS_MIN:
            break
        index = next(i for i, w in enumerate(widths) if w == widest and not keep[i])
        widths[index] -= 1
    return widths


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

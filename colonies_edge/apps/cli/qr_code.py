"""A token as a QR code of characters, for a telephone or a camera in front of the screen."""

from __future__ import annotations

from colonies_edge.protocol.errors import UsageError

_QUIET = 2  # modules of margin: half of what the standard asks for, enough for every reader tried
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}


def drawn(text: str) -> str:
    """Two rows of the code a line, light on dark as terminals are. Raises UsageError without the package for it."""
    try:
        import segno
    except ImportError as missing:
        raise UsageError("--qr needs the Python package segno: pip install 'colonies-edge[qr]'") from missing
    rows = [[bool(dark) for dark in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=_QUIET)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(_HALVES[above, below] for above, below in zip(*pair, strict=True)) for pair in pairs)

"""Pictures without a library: BMP as cameras write it, PNG as browsers read it, and what is in between."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

PIXELS_MAX = 50_000_000  # what a Pi with 512 MiB can hold twice


class NoPicture(Exception):
    """The message is what whoever asked will read."""


@dataclass(frozen=True)
class Picture:
    """Three bytes per pixel, red first, rows from top to bottom."""

    width: int
    height: int
    rgb: bytes

    def row(self, y: int) -> bytes:
        return self.rgb[y * self.width * 3 : (y + 1) * self.width * 3]

    def shrunk(self, factor: int) -> Picture:
        """Every `factor`th pixel of every `factor`th row."""
        rows = []
        for y in range(0, self.height, factor):
            row = self.row(y)
            thin = bytearray(math.ceil(self.width / factor) * 3)
            for colour in range(3):
                thin[colour::3] = row[colour :: 3 * factor]
            rows.append(bytes(thin))
        return Picture(math.ceil(self.width / factor), len(rows), b"".join(rows))

    def brightness(self) -> float:
        """The mean of all colours, 0 to 255."""
        return round(sum(self.rgb) / len(self.rgb), 1)


def drawn(width: int, height: int, turn: int) -> Picture:
    """A gradient with a bar that moves with `turn`: what a fake camera sees."""
    bar = turn % width
    line = bytearray()
    for x in range(width):
        line += b"\xff\xff\xff" if x == bar else bytes((x * 255 // width, 80, 255 - x * 255 // width))
    return Picture(width, height, bytes(line) * height)


def from_bmp(data: bytes) -> Picture:
    """24 bits per pixel without compression, as rpicam-still and ffmpeg write it."""
    try:
        kind, offset, width, height, bits, packed = struct.unpack_from("<2s8xI4xii2xHI", data)
    except struct.error:
        raise NoPicture(f"{len(data)} bytes are no BMP") from None
    rows, stride = abs(height), (width * 3 + 3) // 4 * 4
    if (kind, bits, packed) != (b"BM", 24, 0) or not 0 < width * rows <= PIXELS_MAX:
        raise NoPicture("this is no BMP with 24 bits per pixel")
    if len(data) < offset + stride * rows:
        raise NoPicture("the picture ends in the middle")
    lines = []
    for y in range(rows):
        at = offset + stride * (rows - 1 - y if height > 0 else y)  # from bottom to top, unless the height is negative
        line = bytearray(data[at : at + width * 3])
        line[0::3], line[2::3] = line[2::3], line[0::3]
        lines.append(bytes(line))
    return Picture(width, rows, b"".join(lines))


def to_bmp(picture: Picture) -> bytes:
    padding = bytes(-picture.width * 3 % 4)
    lines = []
    for y in reversed(range(picture.height)):
        line = bytearray(picture.row(y))
        line[0::3], line[2::3] = line[2::3], line[0::3]
        lines.append(bytes(line) + padding)
    pixels = b"".join(lines)
    file = struct.pack("<2sI4xI", b"BM", 54 + len(pixels), 54)
    about = struct.pack("<IiiHHIIiiII", 40, picture.width, picture.height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return file + about + pixels


def to_png(picture: Picture) -> bytes:
    rows = b"".join(b"\0" + picture.row(y) for y in range(picture.height))
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )

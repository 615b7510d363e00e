"""An executor of type `camera`: takes a picture when asked, and puts it on the label /photos of the colony.

python3 camera.py              # with rpicam-still (a Pi's camera) or ffmpeg (one with USB)
python3 camera.py --fake       # on a machine without a camera
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pictures import NoPicture, drawn, from_bmp, to_bmp

from colonies_edge import Client, Executor

LABEL = "/photos"
SHOT_S = 20  # a camera whose cable is loose never answers

# The first one that is installed. Each writes BMP, which needs no library to be read.
_RPICAM = "rpicam-still --nopreview --immediate --encoding bmp --width {w} --height {h} -o {file}"
_FFMPEG = "ffmpeg -v error -y -f v4l2 -video_size {w}x{h} -i /dev/video0 -frames:v 1 -pix_fmt bgr24 {file}"
PROGRAMS = (_RPICAM.split(), _FFMPEG.split())

Shoot = Callable[[int, int, Path], None]


def shoot(width: int, height: int, file: Path) -> None:
    """Raises NoPicture with what the program said."""
    program = next((words for words in PROGRAMS if shutil.which(words[0])), None)
    if program is None:
        raise NoPicture("neither rpicam-still nor ffmpeg is installed here; try --fake")
    words = [word.format(w=width, h=height, file=file) for word in program]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SHOT_S)
    except subprocess.TimeoutExpired:
        raise NoPicture(f"{program[0]} said nothing for {SHOT_S} s: is the camera connected?") from None
    if done.returncode:
        raise NoPicture(f"{program[0]} failed: {done.stderr.strip() or done.returncode}")


class FakeCamera:
    """Each picture is another one than the one before."""

    def __init__(self) -> None:
        self._turn = 0

    def __call__(self, width: int, height: int, file: Path) -> None:
        self._turn += 7
        file.write_bytes(to_bmp(drawn(width, height, self._turn)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", action="store_true", help="draw pictures instead of taking them")
    take: Shoot = FakeCamera() if parser.parse_args().fake else shoot
    worker = Executor.from_env(executortype="camera")

    @worker.function
    def capture(width: int = 640, height: int = 480, *, ctx: Any) -> dict[str, Any]:
        """One picture. Its name follows from the process: an attempt that is repeated makes no second file."""
        if not 16 <= width <= 4096 or not 16 <= height <= 4096:
            raise ValueError(f"a picture has 16 to 4096 pixels a side, not {width} x {height}")
        with tempfile.TemporaryDirectory() as folder, Client.from_env() as colony:
            file = Path(folder) / f"{ctx.process.processid[:12]}.bmp"
            take(width, height, file)
            picture = from_bmp(file.read_bytes())  # what cannot be read is not worth sending
            colony.upload_file(file, LABEL)
            return {"label": LABEL, "name": file.name, "width": picture.width, "height": picture.height}

    worker.run()


if __name__ == "__main__":
    main()

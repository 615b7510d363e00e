"""What a command may read of its process: what its parents put out, and the whole of it, as files and as a variable."""

from __future__ import annotations

from pathlib import Path

from colonies_edge.protocol.codec import dump_json, encode
from colonies_edge.protocol.model import Process

# Linux takes 128 KiB in one variable, and no more than 2 MiB of all variables and arguments together.
VARIABLE_BYTES_MAX = 64 * 1024


def written(process: Process, folder: Path) -> dict[str, str]:
    """Files in the folder, and the variables that name them. What is too long for a variable is in its file alone, and
    the variable is empty then: what was there before is another process's. Raises OSError."""
    given = dump_json(list(process.in_)).encode("utf-8", "replace")  # half a character is nobody's to read
    whole = dump_json(encode(process)).encode("utf-8", "replace")
    files = {"COLONIES_INPUT_FILE": folder / "input.json", "COLONIES_PROCESS_FILE": folder / "process.json"}
    for path, text in zip(files.values(), (given, whole), strict=True):
        path.write_bytes(text + b"\n")
    short = given.decode("utf-8") if len(given) <= VARIABLE_BYTES_MAX else ""
    return {"COLONIES_INPUT": short, **{name: str(path) for name, path in files.items()}}

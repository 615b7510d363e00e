"""The signed heads of the ledger: at each seal and at each clean end the coordinator puts its name under the chain."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colonies_edge.storage.chain import text_of
from colonies_edge.storage.errors import telling
from colonies_edge.storage.files import Files
from colonies_edge.storage.journal import Position
from colonies_edge.storage.migrations import FORMAT, Migration
from colonies_edge.storage.quarantine import Quarantine
from colonies_edge.storage.stored_json import parse_object
from colonies_edge.storage.stored_json import text_of as encoded

SignHead = Callable[[bytes], str]  # returns 130 hex digits
NO_HEADS = ""
_SIGNATURE = ',"signature":"'


def head_text(position: Position, kind: str, previous: str) -> str:
    """What is signed: a JSON object without its closing brace, unlike any other signed text of this program."""
    fields = {
        "format": FORMAT,
        "kind": kind,
        "segment": position.segment,
        "number": position.number,
        "hash": text_of(position.digest),
        "time": position.time_ns,
        "previous": previous,
    }
    return encoded(fields)[:-1]


def hash_of_line(line: bytes) -> str:
    """How the next head, and the next segment, refer to this one."""
    return text_of(hashlib.sha3_256(line.rstrip(b"\n")).digest())


def parse_head(line: bytes) -> tuple[dict[str, Any], bytes, str]:
    """(fields, signed text, signature). Raises ValueError."""
    fields = parse_object(line)
    Migration(fields.get("format"), "heads.jsonl")
    text, mark, _ = line.decode("utf-8").rstrip("\n").rpartition(_SIGNATURE)
    signed = text if mark else line.decode("utf-8").rstrip("\n")[:-1]
    return fields, signed.encode("utf-8"), str(fields.get("signature", ""))


class Heads:
    """The file `heads.jsonl`: a chain of its own, whose end every new segment names in its first line."""

    def __init__(self, files: Files, path: Path, quarantine: Quarantine, sign: SignHead | None) -> None:
        self._files = files
        self.path = path
        self._quarantine = quarantine
        self._sign = sign
        # The thread that writes the checkpoint notes what it forgets while the other thread may be sealing.
        self._lock = threading.Lock()
        self.latest = NO_HEADS  # hash of the last line
        self.last: dict[str, Any] = {}

    def load(self) -> tuple[str, ...]:
        """Find the end; cut off a torn last line. Returns notes."""
        if not self.path.exists():
            return ()
        end, rest = 0, b""
        with telling(self.path, "read"), self.path.open("rb") as stream:
            for line in stream:
                if not line.endswith(b"\n") or b"\0" in line:  # zeros: space was made for it, the data never came
                    rest = line + stream.read()
                    break
                end += len(line)
                self.latest = hash_of_line(line)
                try:
                    self.last = parse_head(line)[0]
                except ValueError:
                    self.last = {}
        if not rest:
            return ()
        kept = self._quarantine.keep(f"{self.path.name}.{end}.torn", rest)
        self._files.truncate(self.path, end)
        return (f"the last {len(rest)} bytes of {self.path} were torn by a crash and cut off{kept}",)

    def add(self, position: Position, kind: str = "head") -> str:
        """Sign a point of the chain, durably; returns the hash that the next segment shall name."""
        with self._lock:
            text = head_text(position, kind, self.latest)
            signature = f'{_SIGNATURE}{self._sign(text.encode())}"' if self._sign is not None else ""
            line = f"{text}{signature}}}\n".encode()
            is_new = not self.path.exists()
            file = self._files.append(self.path)
            try:
                file.write(line)
                file.sync()
            finally:
                file.close()
            if is_new:
                self._files.sync_folder(self.path.parent)
            self.last, self.latest = parse_object(line), hash_of_line(line)
            return self.latest

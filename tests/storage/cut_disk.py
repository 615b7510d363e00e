"""A disk that remembers every operation, and can show what is on it had the power gone at any of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from colonies_edge.storage.files import DiskFiles, OpenFile

Contents = dict[Path, bytes]  # by path below the folder


@dataclass
class Inode:
    written: bytes = b""
    synced: bytes = b""
    before: bytes = b""  # as it was before the last write


@dataclass
class Disk:
    """What operations made of it: names and inodes, each as the kernel sees them and as the platter has them."""

    names: dict[Path, Inode] = field(default_factory=dict)
    durable: dict[Path, Inode] = field(default_factory=dict)
    whole: Contents = field(default_factory=dict)  # files that look after themselves (SQLite's)

    def seen(self) -> Contents:
        """Everything reached the platter just in time."""
        return {**{path: inode.written for path, inode in self.names.items()}, **self.whole}

    def synced(self) -> Contents:
        """Nothing did that was not asked to."""
        return {**{path: inode.synced for path, inode in self.durable.items()}, **self.whole}

    def named(self) -> Contents:
        """The names did, their data did not."""
        return {**{path: inode.synced for path, inode in self.names.items()}, **self.whole}

    def torn(self, inode: Inode) -> Iterator[Contents]:
        """The last write did in part, or as a block of zeros."""
        added = inode.written[len(inode.before) :]
        half = len(added) // 2
        for part in (added[:1], added[:half], added[:-1], bytes(half) + added[half:], bytes(len(added))):
            yield {
                **{path: inode.before + part if one is inode else one.written for path, one in self.names.items()},
                **self.whole,
            }


class RecordedFile:
    def __init__(self, recorder: "RecordingFiles", inner: OpenFile, inode: Inode) -> None:
        self._recorder, self._inner, self._inode = recorder, inner, inode

    def write(self, data: bytes) -> None:
        self._inner.write(data)
        self._inode.before = self._inode.written
        self._inode.written += data
        self._recorder.moment(self._inode)

    def sync(self) -> None:
        self._inner.sync()
        self._inode.synced = self._inode.written
        self._recorder.moment()

    def close(self) -> None:
        self._inner.close()


class RecordingFiles:
    """`Files` on the real disk that keeps, after each operation, every state a power cut could leave."""

    def __init__(self, folder: Path) -> None:
        self._real = DiskFiles()
        self._folder = folder
        self.disk = Disk()
        self.acknowledged = 0
        self.moments: list[tuple[int, Contents]] = []
        self._known: set[tuple[int, int]] = set()

    def moment(self, wrote: Inode | None = None) -> None:
        """Note what could be found, once per distinct state."""
        states = [self.disk.seen(), self.disk.synced(), self.disk.named()]
        if wrote is not None:
            states += self.disk.torn(wrote)
        for state in states:
            key = (self.acknowledged, hash(frozenset(state.items())))
            if key not in self._known:
                self._known.add(key)
                self.moments.append((self.acknowledged, state))

    def _open(self, path: Path, inner: OpenFile, *, empty: bool) -> OpenFile:
        inode = self.disk.names.setdefault(self._below(path), Inode())
        if empty:
            inode.written = b""
        self.moment()
        return RecordedFile(self, inner, inode)

    def _below(self, path: Path) -> Path:
        return path.relative_to(self._folder)

    def create(self, path: Path) -> OpenFile:
        return self._open(path, self._real.create(path), empty=True)

    def append(self, path: Path) -> OpenFile:
        return self._open(path, self._real.append(path), empty=False)

    def truncate(self, path: Path, size: int) -> None:
        self._real.truncate(path, size)
        inode = self.disk.names[self._below(path)]
        inode.written = inode.synced = inode.written[:size]
        self.moment()

    def replace(self, source: Path, target: Path) -> None:
        self._real.replace(source, target)
        self.disk.names[self._below(target)] = self.disk.names.pop(self._below(source))
        self.moment()

    def remove(self, path: Path) -> None:
        self._real.remove(path)
        self.disk.names.pop(self._below(path), None)
        self.moment()

    def make_folder(self, path: Path) -> None:
        self._real.make_folder(path)

    def sync_folder(self, path: Path) -> None:
        self._real.sync_folder(path)
        here = self._below(path)
        for name in [name for name in self.disk.durable if name.parent == here]:
            del self.disk.durable[name]
        self.disk.durable.update((name, inode) for name, inode in self.disk.names.items() if name.parent == here)
        self.moment()


def lay_out(contents: Contents, folder: Path) -> None:
    """Make a folder with these files."""
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

"""What was found broken is kept aside, never thrown away: somebody may want to look at it, or mend it."""

from pathlib import Path

from colonies_edge.storage.errors import StoreFailed
from colonies_edge.storage.files import Files


class Quarantine:
    """The folder `quarantine/`, made when it is first needed."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self.folder = folder

    def keep(self, name: str, data: bytes) -> str:
        """Keep a copy; returns the end of a sentence. A full disk must not keep the coordinator from starting."""
        if not data:
            return ""
        path = self.folder / name
        try:
            self._files.make_folder(self.folder)
            file = self._files.create(path)
            try:
                file.write(data)
                file.sync()
            finally:
                file.close()
            self._files.sync_folder(self.folder)
        except StoreFailed as error:
            return f" (no copy could be kept: {error})"
        return f" (kept in {path})"

    def move(self, path: Path) -> Path:
        """Move a whole file here, under a name that is free."""
        self._files.make_folder(self.folder)
        target, count = self.folder / path.name, 1
        while target.exists():
            count += 1
            target = self.folder / f"{path.name}.{count}"
        self._files.replace(path, target)
        self._files.sync_folder(self.folder)
        self._files.sync_folder(path.parent)
        return target

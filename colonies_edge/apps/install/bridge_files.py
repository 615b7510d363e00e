"""What an installed bridge reads: its bridge.toml and the files that this names, as copies in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from colonies_edge.apps.install.layout import DATA
from colonies_edge.protocol.errors import UsageError

_FOLDER = "bridge"  # below the settings; relative paths in the file hold there as they do beside the original
CONFIG = f"{_FOLDER}/bridge.toml"
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # ProtectHome and PrivateTmp of the unit


def bridge_files(path: Path, beside: Sequence[str], folder: Path | None) -> dict[str, bytes]:
    """By their names below the folder of settings. `beside` are the files that `path` names, `folder` is where it says
    that the bridge keeps its own.

    Raises UsageError for what would not work in a service.
    """
    if folder is not None and not folder.is_relative_to(f"{DATA}/bridge"):
        raise UsageError(f"{path}, top level: folder: a service keeps its files in {DATA}/bridge: leave it away")
    files = {CONFIG: path.read_bytes()}
    for name in beside:
        pure = PurePosixPath(name)
        if pure.is_absolute() and not any(pure.is_relative_to(hidden) for hidden in _HIDDEN):
            continue
        if pure.is_absolute() or ".." in pure.parts:
            raise UsageError(
                f"{path} names {name}, which a service cannot see: put it beside {path}, where it is copied"
            )
        try:
            files[f"{_FOLDER}/{pure}"] = (path.parent / name).read_bytes()
        except OSError as error:
            raise UsageError(f"{path} names {name}, which cannot be read: {error.strerror}") from error
    return files

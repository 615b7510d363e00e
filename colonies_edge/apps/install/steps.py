"""What is done to a machine, as values: a dry run shows the very list that a real run works off."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from colonies_edge.client.whole_file import sync_folder, write_whole


class Step(Protocol):
    """One change. `needed` is asked before anything was done."""

    def describe(self) -> str: ...

    def needed(self) -> bool: ...

    def do(self) -> None: ...


class StepFailed(Exception):
    """A step could not be done; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is; names, because the user may only exist once an earlier step is done."""

    user: str = ""
    group: str = ""

    def has(self, path: Path) -> bool:
        there = path.lstat()
        return there.st_uid in _ids(self.user, 2, there.st_uid) and there.st_gid in _ids(self.group, 3, there.st_gid)

    def take(self, path: Path) -> None:
        if self.user:
            shutil.chown(path, user=self.user)
        if self.group:
            shutil.chown(path, group=self.group)

    def __str__(self) -> str:
        return f", {self.user or 'root'}:{self.group or 'root'}" if self.user or self.group else ""


def _ids(name: str, position: int, unset: int) -> tuple[int, ...]:
    """The number of a name, which counts as well as none when nothing is asked; nothing for a user not there yet."""
    if not name:
        return (unset,)
    try:
        return (int(pwd.getpwnam(name)[position]),)
    except KeyError:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUser:
    """A system user that nobody can log in as."""

    user: str
    home: str

    def describe(self) -> str:
        return f"add the system user {self.user}"

    def needed(self) -> bool:
        try:
            pwd.getpwnam(self.user)
        except KeyError:
            return True
        return False

    def do(self) -> None:
        if shutil.which("useradd"):
            words = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", self.home]
            run([*words, "--shell", "/usr/sbin/nologin", self.user])
        elif shutil.which("adduser"):  # BusyBox
            run(["addgroup", "-S", self.user])
            run(["adduser", "-S", "-D", "-H", "-h", self.home, "-s", "/sbin/nologin", "-G", self.user, self.user])
        else:
            raise StepFailed(f"neither useradd nor adduser is here: add the system user {self.user} and try again")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveUser:
    user: str

    def describe(self) -> str:
        return f"remove the system user {self.user}"

    def needed(self) -> bool:
        return not AddUser(user=self.user, home="").needed()

    def do(self) -> None:
        run(["userdel", self.user] if shutil.which("userdel") else ["deluser", self.user])


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFolder:
    path: Path
    mode: int = 0o755
    owner: Owner = Owner()

    def describe(self) -> str:
        return f"make the folder {self.path} (mode {self.mode:04o}{self.owner})"

    def needed(self) -> bool:
        return not self.path.is_dir() or _differs(self.path, self.mode, self.owner)

    def do(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(self.mode)
        self.owner.take(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """A whole file: written beside, synced and renamed."""

    path: Path
    data: bytes
    what: str
    mode: int = 0o644
    owner: Owner = Owner()

    def describe(self) -> str:
        return f"write {self.what} {self.path} (mode {self.mode:04o}{self.owner})"

    def needed(self) -> bool:
        try:
            return self.path.read_bytes() != self.data or _differs(self.path, self.mode, self.owner)
        except OSError:
            return True

    def do(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, self.data, prepare=self._hand_over)

    def _hand_over(self, path: Path) -> None:
        self.owner.take(path)
        path.chmod(self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLink:
    """A symbolic link, changed in one step: whoever starts the program finds the old file or the new one."""

    path: Path
    target: str
    what: str = "link"

    def describe(self) -> str:
        return f"point {self.what} {self.path} to {self.target}"

    def needed(self) -> bool:
        try:
            return os.readlink(self.path) != self.target
        except OSError:
            return True

    def do(self) -> None:
        if self.path.exists() and not self.path.is_symlink():
            raise StepFailed(f"{self.path} is there and is no link of ours: move it away")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(self.target)
        os.replace(beside, self.path)
        sync_folder(self.path.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A file, a link or a folder with all that is in it."""

    path: Path
    what: str = ""

    def describe(self) -> str:
        return f"remove {self.what}{' ' if self.what else ''}{self.path}"

    def needed(self) -> bool:
        return os.path.lexists(self.path)

    def do(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


def _differs(path: Path, mode: int, owner: Owner) -> bool:
    return stat.S_IMODE(path.stat().st_mode) != mode or not owner.has(path)


def run(words: Sequence[str]) -> str:
    """Run a program of the system; its output. Raises StepFailed with what it said."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise StepFailed(f"`{' '.join(words)}` failed: {said or f'exit code {done.returncode}'}")
    return done.stdout

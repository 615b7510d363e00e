"""A 64-bit Arm Debian 12 in a folder, whose programs run here under qemu: made once, kept in a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

QEMU = "qemu-aarch64-static"
SUITE = "bookworm"
# What a Pi OS Lite has of what we need: Python with its libraries, a shell, the native signatures.
PACKAGES = ("python3", "dash", "coreutils", "libc-bin", "libsecp256k1-1")
_NAME = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:8]
_FOLDERS = ("proc", "dev", "tmp", "mnt")

# How the kernel knows an aarch64 ELF file, as qemu-user-static registers it. F opens qemu now, before the chroot.
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"

# Since Linux 6.7 a user namespace has interpreters of its own, so nothing outside of it changes.
_ENTER = r"""
set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf %s "$1" > /proc/sys/fs/binfmt_misc/register
mount --rbind /proc "$2/proc"
mount --rbind /dev "$2/dev"
mount -t tmpfs tmpfs "$2/tmp"
mount --bind "$3" "$2/mnt"
root=$2
shift 3
exec chroot "$root" /usr/bin/env --chdir=/mnt "$@"
"""


class Arm:
    """Programs of an Arm machine; `folder` is theirs as /mnt. Their network is ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._qemu = shutil.which(QEMU) or ""
        if not self._qemu:
            pytest.skip(f"{QEMU} is missing; install it with: apt-get install qemu-user-static")
        self._root = _root()
        tried = subprocess.run(self.words("/bin/uname", "-m"), capture_output=True, text=True)
        if tried.stdout != "aarch64\n":
            reason = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1]
            pytest.skip(f"Arm programs do not start in a user namespace here (Linux 6.7 lets them): {reason}")

    def words(self, *words: str) -> list[str]:
        """The command that runs a command there."""
        spaces = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
        interpreter = f":ce-aarch64:M::{_MAGIC}:{_MASK}:{self._qemu}:F"
        return [*spaces, "bash", "-c", _ENTER, "arm", interpreter, str(self._root), str(self.folder), *words]

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words(*words),
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": "/tmp", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*words, **variables)
        out, err = process.communicate()
        return process.returncode, out, err


def _root() -> Path:
    """Packages are unpacked, not configured: that takes seconds, and Python needs no more."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colonies-edge-tests"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"arm64-{SUITE}-{_NAME}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _make(root)
    return root


def _make(root: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is missing; install it with: apt-get install mmdebstrap")
    beside = root.with_name(f"{root.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    words = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64", f"--include={','.join(PACKAGES)}"]
    made = subprocess.run([*words, SUITE, str(beside)], capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(beside, ignore_errors=True)
        pytest.skip(f"no Arm userland could be made: {(made.stderr.strip().splitlines() or ['?'])[-1]}")
    for name in _FOLDERS:
        (beside / name).mkdir(exist_ok=True)
    beside.rename(root)

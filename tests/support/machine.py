"""A machine of its own for a test: a real systemd as process 1, in namespaces, over a copy of this system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from threading import Event
from typing import Any

import pytest

SYSTEMD = Path("/lib/systemd/systemd")
PATIENCE_S = 120  # until the machine has started; a test that waits longer has failed
# Would reach through to the kernel that everybody here shares, or wait for a terminal that is not there.
_MASKED = (
    *("systemd-sysctl", "systemd-modules-load", "systemd-binfmt", "systemd-udevd", "systemd-udev-trigger"),
    *("console-getty", "getty@tty1", "systemd-timesyncd", "systemd-networkd", "systemd-resolved", "networking"),
)

_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_BOOT = r"""
set -eu
root=$1/root over=$1/over
mkdir -p "$root" "$over"
mount -t tmpfs tmpfs "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$over/upper,workdir=$over/work" "$root"
mount -t proc proc "$root/proc"
mount -o bind,ro "$root/proc/sys" "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev var/log; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
touch "$root/dev/console"
rm -rf "$root/etc/systemd/system/multi-user.target.wants"
for unit in $2; do ln -sf /dev/null "$root/etc/systemd/system/$unit.service"; done
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" \
    "$3" --log-target=console --unit=multi-user.target </dev/null >/dev/null 2>&1
"""


class Machine:
    """Start it, run commands in it, throw it away. What it writes goes nowhere."""

    def __init__(self) -> None:
        reason = missing()
        if reason:
            pytest.skip(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="ce-machine-"))
        self._group = _cgroup() / self.folder.name
        self._group.mkdir()
        enter = f'echo $$ > {self._group}/cgroup.procs; exec "$@"'
        spaces = ("--cgroup", "--pid", "--mount", "--net", "--uts", "--ipc")
        unshare = ["unshare", *spaces, "--fork", "--kill-child", "--propagation", "private"]
        boot = ["bash", "-c", _BOOT, "boot", str(self.folder), " ".join(_MASKED), str(SYSTEMD)]
        self._log = open(self.folder / "boot.log", "w+")  # noqa: SIM115 - closed with the machine
        self._process = subprocess.Popen(
            ["bash", "-c", enter, "enter", *unshare, *boot], stdout=self._log, stderr=self._log
        )
        self._pid = 0
        self._said: list[str] = []
        self._wait_started()

    def _wait_started(self) -> None:
        for _ in range(PATIENCE_S * 10):
            if self._process.poll() is not None:
                self.close()
                pytest.skip(f"no machine of its own can be made here: {self._said}")
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if children and "systemd" in Path(f"/proc/{children[0]}/comm").read_text():
                self._pid = int(children[0])
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return
            Event().wait(0.1)
        self.close()
        pytest.fail("systemd did not start within its time")

    def path(self, path: str) -> Path:
        """A path of the machine, as seen from here."""
        return Path(f"/proc/{self._pid}/root") / path.lstrip("/")

    def run(
        self, *words: str, check: bool = True, stdin: str = "", environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        into = ["nsenter", "--target", str(self._pid), "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        done = subprocess.run(
            [*into, "--root", "--wdns=/", "--", *words],
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/tmp", **(environ or {})},
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words).stdout)

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd says of a unit."""
        lines = self.run("systemctl", "show", f"--property={','.join(names)}", unit).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, *words: str) -> list[dict[str, Any]]:
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "--output=json", "--no-pager", *words).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()  # the one we started; its child goes with it, and with that all of the machine
        self._process.wait()
        self._log.seek(0)
        self._said = self._log.read().strip().splitlines()[-1:]
        self._log.close()
        self._remove_group()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_group(self) -> None:
        for _ in range(100):
            try:
                for path in sorted(self._group.rglob("*"), key=lambda path: -len(path.parts)):
                    if path.is_dir():
                        path.rmdir()
                self._group.rmdir()
                return
            except FileNotFoundError:
                continue
            except OSError:
                Event().wait(0.05)  # the kernel is still burying the last processes


def missing() -> str:
    """Why no machine can be made here."""
    if os.geteuid() != 0:
        return "a machine of its own needs root: run `sudo .venv/bin/pytest -m machine`"
    if not SYSTEMD.exists():
        return "systemd is missing; install it with: apt-get install systemd"
    if not all(map(shutil.which, ("unshare", "nsenter"))):
        return "unshare and nsenter are missing; install them with: apt-get install util-linux"
    if _cgroup() == Path():
        return "no cgroup2 is mounted here, which systemd needs"
    return ""


def _cgroup() -> Path:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where, kind = line.split()[1:3]
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return Path(where)
    return Path()

#!/usr/bin/env python3
"""Build dist/colonies-edge.pyz: one reproducible file with all of colonies_edge, from this checkout alone."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - before anything that an older Python cannot even load
    sys.exit("build_zipapp.py needs Python 3.10 or newer; this is %d.%d" % sys.version_info[:2])  # noqa: UP031

import argparse
import base64
import fnmatch
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "colonies_edge"
VENDOR = PACKAGE / "_vendor"
LOCK = VENDOR / "vendored.txt"
LEFT_OUT = VENDOR / "executor-only.txt"
MANUAL = ROOT / "docs/reference/colonies-edge.1"

# These parts of amqtt serve its own tools and want packages that we do not carry (sqlalchemy, typer, pydantic).
UNUSED_VENDORED = ("amqtt/contrib/*", "amqtt/scripts/*")

KINDS = (".py", ".conf", ".acl", ".html", ".css", ".js", ".svg", ".json")  # of our own files: code, and what it serves

Files = dict[str, bytes]


class BuildError(Exception):
    """The file cannot be built as it should be; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One of the files that can be built."""

    file_name: str
    bytes_max: int  # an SD card and a slow uplink are the norm; growth past this has to be a decision
    left_out: tuple[str, ...]
    vendored: tuple[str, ...] | None  # None: all of the lock file


FULL = Edition(file_name="colonies-edge.pyz", bytes_max=8_000_000, left_out=(), vendored=None)
EXECUTOR_ONLY = Edition(
    file_name="colonies-edge-executor.pyz",
    bytes_max=1_200_000,  # a third of it paho; enrolling and TLS made it grow past a megabyte
    left_out=tuple(line for line in LEFT_OUT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"),
    vendored=("paho-mqtt",),
)


# --- what is vendored -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One line of the lock file."""

    name: str
    version: str
    sha256: str


def read_lock(text: str) -> list[Pinned]:
    line = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
    return [Pinned(name=name, version=version, sha256=digest) for name, version, digest in line.findall(text)]


def archives(folder: Path) -> dict[str, Path]:
    """The archives that lie in the vendor folder, by their hash: what a file is called proves nothing."""
    paths = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}


def vendored_files(wanted: tuple[str, ...] | None) -> Files:
    present = archives(VENDOR)
    files: Files = {}
    for pinned in read_lock(LOCK.read_text(encoding="utf-8")):
        if wanted is not None and pinned.name not in wanted:
            continue
        if pinned.sha256 not in present:
            raise BuildError(
                f"{pinned.name} {pinned.version} with sha256 {pinned.sha256} is not in {VENDOR.relative_to(ROOT)}: "
                "the file is missing or was altered. `python3 build_zipapp.py --fetch` downloads it (needs pip)."
            )
        archive = present[pinned.sha256]
        files |= from_wheel(archive) if archive.suffix == ".whl" else from_source_archive(archive, pinned)
    return files


def from_wheel(archive: Path) -> Files:
    files: Files = {}
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            kept = kept_of_wheel(name)
            if kept:
                files[name] = headers_only(wheel.read(name)) if name.endswith("/METADATA") else wheel.read(name)
    return files


def kept_of_wheel(name: str) -> bool:
    """Code, licences and the entry points that amqtt looks for; no C sources, no stubs, no install records."""
    if any(fnmatch.fnmatch(name, pattern) for pattern in UNUSED_VENDORED):
        return False
    folder, _, rest = name.partition("/")
    if not folder.endswith(".dist-info"):
        return name.endswith(".py")
    return rest in ("METADATA", "entry_points.txt") or is_licence(rest)


def is_licence(name: str) -> bool:
    return name.startswith("licenses/") or name.upper().startswith(("LICEN", "NOTICE", "COPYING"))


def headers_only(metadata: bytes) -> bytes:
    """Name, version and licence; the long description after the first empty line is a project's README."""
    return metadata.partition(b"\n\n")[0] + b"\n"


def from_source_archive(archive: Path, pinned: Pinned) -> Files:
    """The pure Python package below lib/ of a source archive, dressed like an installed one so its licence stays."""
    info = f"{pinned.name}-{pinned.version}.dist-info"
    code = re.compile(r"^[^/]+/lib/((?!_)\w+/.+\.py)$")
    files: Files = {}
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            data = source.extractfile(member) if member.isfile() else None
            if data is None:
                continue
            top = member.name.partition("/")[2]
            found = code.match(member.name)
            if found:
                files[found.group(1)] = data.read()
            elif is_licence(top):
                files[f"{info}/{top}"] = data.read()
            elif top == "PKG-INFO":
                files[f"{info}/METADATA"] = headers_only(data.read())
    return files


def fetch() -> None:
    """Bring the vendor folder in line with the lock file, through whatever index this machine's pip is set to use."""
    for digest, path in archives(VENDOR).items():
        if digest not in {pinned.sha256 for pinned in read_lock(LOCK.read_text(encoding="utf-8"))}:
            path.unlink()
    command = ["-m", "pip", "download", "--require-hashes", "--no-deps", "--dest", str(VENDOR), "-r", str(LOCK)]
    if subprocess.run([sys.executable, *command], check=False).returncode != 0:
        raise BuildError("pip could not download what the lock file names; what it said is above.")


# --- our own code -----------------------------------------------------------------------------------------------------


def own_files(left_out: tuple[str, ...]) -> Files:
    files: Files = {"LICENSE": (ROOT / "LICENSE").read_bytes()}
    if not left_out:
        files[MANUAL.name] = MANUAL.read_bytes()  # `install` brings it where `man` looks
    for path in own_paths():
        if not is_left_out(path, left_out):
            files[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return files


def own_paths() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix in KINDS and VENDOR not in path.parents:
            yield path


def is_left_out(path: Path, patterns: Iterable[str]) -> bool:
    name = path.relative_to(PACKAGE).as_posix()
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def absent_modules(edition: Edition) -> list[str]:
    """Import names that a complete file has and this one has not; a package stands for all that is in it."""
    own = {module_name(path) for path in own_paths() if is_left_out(path, edition.left_out)}
    vendored = {name.partition("/")[0] for name in vendored_files(None) if name.endswith(".py")}
    vendored -= {name.partition("/")[0] for name in vendored_files(edition.vendored)}
    names = own | {name.removesuffix(".py") for name in vendored}
    return sorted(name for name in names if name.rpartition(".")[0] not in names)


def module_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# --- how it starts ----------------------------------------------------------------------------------------------------

# Must be readable by any Python since 2.7, for the sake of its first message. The path is made absolute, and links
# in it are followed, because modules are loaded when first needed: somebody may have changed the working directory by
# then, or an upgrade have pointed the link to another file.
START = '''\
"""Start colonies-edge from this file."""
import os
import sys

if sys.version_info < (3, 10):
    sys.exit("colonies-edge needs Python 3.10 or newer; this is Python %d.%d" % sys.version_info[:2])
sys.path[0] = os.path.realpath(sys.path[0])
'''

RUN = """
from colonies_edge.__main__ import main

sys.exit(main())
"""

RUN_WITHOUT = '''
ABSENT = {absent!r}
ADVICE = "this needs {{}}, which {this} leaves out; it is in {full} (python3 build_zipapp.py)"


class Absent:
    """Asked last, when no module was found: says where a left-out one is, instead of only that it is missing."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if any(name == absent or name.startswith(absent + ".") for absent in ABSENT):
            raise ModuleNotFoundError(ADVICE.format(name), name=name)


sys.meta_path.append(Absent)
from colonies_edge.__main__ import main

try:
    sys.exit(main())
except ModuleNotFoundError as absent:
    if absent.msg != ADVICE.format(absent.name):
        raise
    print("colonies-edge: " + absent.msg, file=sys.stderr)
    sys.exit(2)
'''


def start_file(edition: Edition) -> bytes:
    if edition.vendored is None:
        return (START + RUN).encode()
    absent = tuple(absent_modules(edition))
    return (START + RUN_WITHOUT.format(absent=absent, this=edition.file_name, full=FULL.file_name)).encode()


# Byte code cuts the start time to a third. Python takes only its own version's and else falls back to the source beside
# it, so it is an addition that can never be wrong. Compiled in a fresh interpreter with a fixed hash seed: what marshal
# writes depends on how many references an object has, hence on what else the process has done. "unchecked" (flags 1)
# because inside an archive nobody edits the source. Never optimised: error texts are docstrings.
COMPILER = """
import base64, importlib.util, json, marshal, sys
compiled = {}
for name, source in json.load(sys.stdin):
    code = compile(base64.b64decode(source), "colonies-edge.pyz/" + name, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    compiled[name + "c"] = base64.b64encode(head + marshal.dumps(code)).decode()
json.dump(compiled, sys.stdout)
"""


def byte_code(files: Files) -> Files:
    sources = [(name, base64.b64encode(files[name]).decode()) for name in sorted(files) if name.endswith(".py")]
    compiled = subprocess.run(
        [sys.executable, "-S", "-B", "-c", COMPILER],
        input=json.dumps(sources),
        env={"PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
        text=True,
    )
    return {name: base64.b64decode(code) for name, code in json.loads(compiled.stdout).items()}


# --- the archive ------------------------------------------------------------------------------------------------------


def archive_of(files: Files) -> bytes:
    """A zip behind a shebang line. Order, dates, rights and compression are fixed: equal input, equal bytes."""
    out = io.BytesIO()
    out.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(out, "a") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=9)
    return out.getvalue()


def build(edition: Edition, with_byte_code: bool = True) -> bytes:
    files = vendored_files(edition.vendored) | own_files(edition.left_out)
    if with_byte_code:
        files |= byte_code(files)
    files["__main__.py"] = start_file(edition)
    data = archive_of(files)
    if len(data) > edition.bytes_max:
        raise BuildError(f"{edition.file_name} would have {len(data)} bytes; the limit is {edition.bytes_max}.")
    return data


def write(path: Path, data: bytes) -> None:
    """Beside it, then renamed: a running .pyz keeps reading its old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.chmod(0o755)
    os.replace(beside, path)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build_zipapp.py", description=__doc__)
    parser.add_argument("--executor-only", action="store_true", help=f"build {EXECUTOR_ONLY.file_name} instead")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR", help="folder to write to (dist)")
    parser.add_argument(
        "--source-only", action="store_true", help="no byte code: does not depend on the building Python"
    )
    parser.add_argument("--fetch", action="store_true", help="download what the lock file names, with pip, and stop")
    return parser


def main(tell: Callable[[str], object] = print) -> int:
    given = arguments().parse_args()
    edition = EXECUTOR_ONLY if given.executor_only else FULL
    try:
        if given.fetch:
            fetch()
            return 0
        data = build(edition, with_byte_code=not given.source_only)
        write(given.out / edition.file_name, data)
    except BuildError as error:
        tell(f"build_zipapp.py: {error}")
        return 1
    path = os.path.relpath(given.out / edition.file_name)
    tell(f"{path}  {len(data)} bytes  sha256 {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

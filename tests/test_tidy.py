"""Holds sizes, banned calls and words; every failure names what to do instead."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "colonies_edge"

FILE_LINES_MAX = 400  # what a reader can hold in mind of one subject
FUNCTION_LINES_MAX = 60  # one screen
FUNCTION_LINES_MEDIAN = 10

# Calls, and what is used instead. Files are patterns below colonies_edge/.
BANNED_CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    "print": (
        ("apps/cli/*", "apps/broker_config.py", "__main__.py"),
        "return it, raise it or log it; only the command line prints",
    ),
    "input": (("apps/cli/*",), "only the command line asks"),
    "eval": (("protocol/codec*",), "parse it; only the codec compiles, from our own classes"),
    "exec": (("protocol/codec*",), "call a function; only the codec compiles, from our own classes"),
    "breakpoint": ((), "remove it"),
    "datetime.now": ((), "be told the time (int nanoseconds); at the rim transports.system.SystemClock"),
    "datetime.utcnow": ((), "be told the time (int nanoseconds); at the rim transports.system.SystemClock"),
    "datetime.today": ((), "be told the time (int nanoseconds); at the rim transports.system.SystemClock"),
    "date.today": ((), "be told the time (int nanoseconds); at the rim transports.system.SystemClock"),
    "os.urandom": (("transports/system.py",), "be given luck; at the rim transports.system.entropy"),
    "os.getrandom": (("transports/system.py",), "be given luck; at the rim transports.system.entropy"),
    "os.system": ((), "use subprocess with a list of arguments"),
    "json.loads": (
        ("protocol/*", "storage/*", "apps/*"),
        "what came over a wire: protocol.codec.parse_json, bounded in depth",
    ),
    "logging.basicConfig": (("apps/*",), "only an app decides where the log goes"),
}
# A topic has its slashes in one grammar. The broker's access list is the other place, in the broker's own language.
TOPIC_GRAMMAR = ("protocol/topics.py", "apps/broker_config_texts.py")
TOPIC_SLASH = re.compile(r"/(request|reply|assign|result|event|status)\b")

# Written in pieces, so that this file does not contain them.
UNWANTED = {
    "TO" + "DO": "do it now, or open an issue",
    "FIX" + "ME": "fix it now, or open an issue",
    "pypi" + ".org": "no package index by name: pip knows which one is configured",
    "python" + "hosted": "no package index by name: pip knows which one is configured",
    "piwheels" + ".": "no package index by name: pip knows which one is configured",
    "registry" + ".npmjs": "no package index by name",
    "/wo" + "rk/": "no path of one machine: use a temporary folder or a relative path",
    "/ro" + "ot/": "no path of one machine: use a temporary folder or a relative path",
    "/ho" + "me/": "no path of one machine: use a temporary folder or a relative path",
}


@cache
def tracked() -> tuple[Path, ...]:
    """What git has, or would have at the next `git add`; in an unpacked archive without git, every file."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(path for path in paths if path.is_file()))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(folder: Path = ROOT) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(folder)]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function with its number of lines, decorators and docstring included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{named(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def allowed(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path.relative_to(PACKAGE).as_posix(), pattern) for pattern in patterns)


def test_no_file_is_longer_than_a_reader_can_hold_in_mind() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    wrong = {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX}
    assert not wrong, f"more than {FILE_LINES_MAX} lines, split by subject: {wrong}"


def test_no_function_is_longer_than_a_screen() -> None:
    wrong = {name: lines for path in python_files() for name, lines in functions(path) if lines > FUNCTION_LINES_MAX}
    assert not wrong, f"more than {FUNCTION_LINES_MAX} lines, take parts out and name them: {wrong}"


def test_most_functions_fit_in_the_eye() -> None:
    lengths = [lines for path in python_files(PACKAGE) for _, lines in functions(path)]
    assert statistics.median(lengths) < FUNCTION_LINES_MEDIAN, "functions have grown: take parts out and name them"


def test_every_module_opens_with_one_sentence_saying_what_it_is_for() -> None:
    wrong = [
        named(path)
        for path in python_files()
        if tree_of(path).body
        and not (ast.get_docstring(tree_of(path)) or "").split("\n\n")[0].rstrip().endswith((".", "?"))
    ]
    assert not wrong, f"start each with a docstring whose first paragraph is a sentence: {wrong}"


@pytest.mark.parametrize("call", BANNED_CALLS)
def test_nobody_calls_what_has_a_better_way(call: str) -> None:
    may, instead = BANNED_CALLS[call]
    wrong = [
        f"{named(path)}:{node.lineno}"
        for path in python_files(PACKAGE)
        if not allowed(path, may)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and is_call_of(called(node.func), call)
    ]
    assert not wrong, f"{call}(): {instead}: {wrong}"


def called(node: ast.expr) -> str:
    """`datetime.datetime.now` for the call of it; "" for calls of anything computed."""
    if isinstance(node, ast.Attribute):
        inner = called(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""


def is_call_of(name: str, call: str) -> bool:
    """A bare built-in only by itself (`parser.print` is not `print`); a dotted one behind any prefix."""
    return name == call or ("." in call and name.endswith("." + call))


def test_topics_are_written_in_one_place() -> None:
    wrong = [
        f"{named(path)}:{node.lineno}"
        for path in python_files(PACKAGE)
        if not allowed(path, TOPIC_GRAMMAR)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if TOPIC_SLASH.search(node.value) and not is_docstring(path, node)
    ]
    assert not wrong, f"topics are built and parsed by protocol.topics.Topics only: {wrong}"


def is_docstring(path: Path, constant: ast.Constant) -> bool:
    return any(isinstance(node, ast.Expr) and node.value is constant for node in ast.walk(tree_of(path)))


@pytest.mark.parametrize("word", UNWANTED)
def test_no_tracked_file_contains(word: str) -> None:
    wrong = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data and word.encode() in data:
            wrong.append(named(path))
    assert not wrong, f"{word}: {UNWANTED[word]}: {wrong}"

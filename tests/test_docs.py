"""Holds the documents to the program: tables made from the code, links, snippets, commands, and the tests they name."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from colonies_edge.apps.cli.completion_tree import tree
from colonies_edge.apps.cli.parser import GROUPS, parse
from colonies_edge.protocol.errors import UsageError
from colonies_edge.protocol.model import Conditions, FunctionSpec
from tests.test_tidy import ROOT, named, python_files, tracked, tree_of

PAGES = [path for path in tracked() if path.suffix == ".md"]
README = ROOT / "README.md"
INDEX = ROOT / "docs" / "README.md"
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
OURS = re.compile(
    r"`((?:tests|docs|benchmarks|examples|broker_config|colonies_edge|engine|storage|transports)/[\w./-]+)`"
)
SHOWN = re.compile(r"^`(examples/[\w./-]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VARIABLE = re.compile(r"(COLONIES|AWS_S3)_[A-Z0-9_]*[A-Z0-9]")
PROGRAM = "colonies-edge"
ABOUT = frozenset({"systemctl", "journalctl", "man"})  # take the name of the service or the page
# Said in a sentence about what is not there, or as the name of the program.
NOT_COMMANDS = ("--version", "--help")


def blocks(path: Path, language: str) -> list[str]:
    return [text for found, text in FENCED.findall(path.read_text(encoding="utf-8")) if found == language]


def prose(path: Path) -> str:
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def typed(path: Path) -> list[list[str]]:
    """The words after `colonies-edge` of each command that a reader is told to type."""
    lines: list[str] = []
    for block in blocks(path, "console"):
        joined = block.replace("\\\n", " ")
        lines += [line.strip()[2:] for line in joined.splitlines() if line.strip().startswith("$ ")]
    commands = []
    for line in lines:
        words = shlex.split(re.sub(r"<[^>]*>", "ff" * 32, line), comments=True)
        for part in parts_of(words):
            if PROGRAM in part and not ABOUT.intersection(part):
                commands.append(part[part.index(PROGRAM) + 1 :])
    return commands


def parts_of(words: list[str]) -> Iterator[list[str]]:
    """The commands of one line."""
    for follows, part in itertools.groupby(words, key=lambda word: word in ("&&", "|", ";")):
        if not follows:
            yield list(part)


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_generated_is_as_the_code_has_it() -> None:
    generate = generator()
    blocks = {match[2] for page in generate.PAGES for match in generate.BLOCK.finditer(page.read_text("utf-8"))}
    assert set(generate.MAKERS) == blocks
    stale = [named(path) for path in generate.stale()]
    assert not stale, f"run `python3 docs/generate.py` and look at what changed: {stale}"


def test_every_variable_of_the_environment_is_in_the_reference() -> None:
    described = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    there = {
        node.value
        for path in python_files(ROOT / "colonies_edge")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }
    missing = sorted(name for name in there if f"`{name}`" not in described)
    assert there and not missing, f"docs/generate_reference.py, OTHER_VARIABLES, lacks {missing}"


def test_the_manual_page_renders_without_a_warning() -> None:
    if shutil.which("groff") is None or shutil.which("man") is None:
        pytest.skip("apt install man-db groff")
    page = ROOT / "docs" / "reference" / "colonies-edge.1"
    formatted = subprocess.run(["groff", "-ww", "-man", "-Tutf8", str(page)], capture_output=True, check=True)
    assert formatted.stderr == b""
    for width in ("80", "60"):
        shown = subprocess.run(
            ["man", "--warnings=w", "-E", "UTF-8", "-l", str(page)],
            capture_output=True,
            text=True,
            env={**os.environ, "MANWIDTH": width, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
            check=True,
        )
        assert shown.stderr == ""
    words = re.sub(r"\s+", " ", re.sub(".\b", "", shown.stdout))
    for name in ("colonies-edge dev", "EXIT STATUS"):
        assert name in words


def test_the_manual_page_has_every_command() -> None:
    page = (ROOT / "docs" / "reference" / "colonies-edge.1").read_text("utf-8").replace("\\-", "-")
    commands = [node for node in tree() if node.path and not node.words]
    missing = [node.path for node in commands if f".SS colonies-edge {' '.join(node.path)}\n" not in page]
    assert len(commands) > 100 and not missing
    lost = [name for node in commands for option in node.options for name in option.names if name not in page]
    assert set(lost) <= {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(prose(page)) if "://" not in target]
    dead = [target for target in targets if target and not (page.parent / target).exists()]
    assert not dead, f"{named(page)} links to what is not there: {dead}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_named_exist(page: Path) -> None:
    where = (ROOT, ROOT / "colonies_edge", page.parent)
    missing = [
        name
        for name in OURS.findall(prose(page))
        if not any((folder / name).exists() or list(folder.glob(name)) for folder in where)
    ]
    assert not missing, f"{named(page)} names what is not there: {missing}"


@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)], ids=named)
def test_commands_in_documents_are_understood(page: Path) -> None:
    wrong = []
    for words in typed(page):
        if words[0] in NOT_COMMANDS:
            continue
        try:
            parse(words)
        except UsageError as error:
            wrong.append(f"{PROGRAM} {shlex.join(words)}: {error}")
    assert not wrong, f"{named(page)} tells people to type what is refused: {wrong}"


@pytest.mark.parametrize("page", [page for page in PAGES if SHOWN.search(page.read_text("utf-8"))], ids=named)
def test_files_that_a_page_shows_are_those_of_the_examples(page: Path) -> None:
    for name, text in SHOWN.findall(page.read_text("utf-8")):
        assert text == (ROOT / name).read_text("utf-8"), f"{named(page)} shows another {name} than is there"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "json")], ids=named)
def test_json_in_documents_is_json(page: Path) -> None:
    for block in blocks(page, "json"):
        json.loads(block)


def test_every_field_of_a_function_spec_is_described() -> None:
    page = (ROOT / "docs" / "reference" / "function-spec.md").read_text("utf-8")
    described = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", page, re.MULTILINE))))
    there = {field.name for cls in (FunctionSpec, Conditions) for field in dataclasses.fields(cls)} - {"conditions"}
    assert described == there


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=named)
def test_python_in_documents_is_python_and_imports_what_there_is(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "colonies_edge":
                module = importlib.import_module("colonies_edge")
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                assert not missing, f"{named(page)} imports {missing}"


def test_the_readme_does_not_deny_what_is_there() -> None:
    denied = re.search(r"\*\*none for (.*?)\*\*", prose(README), re.DOTALL)
    assert denied is not None, "the README says for what of Colonies there are no commands"
    there = [word for word in re.findall(r"[a-z]+", denied[1]) if word.rstrip("s") in GROUPS]
    assert not there, f"there are commands for these: take them out of the README's list: {there}"


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall(prose(ARCHITECTURE)))
    pages = {f"decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert pages <= listed, f"docs/ARCHITECTURE.md, section 6, lists decisions: add {sorted(pages - listed)}"


def test_every_document_is_in_the_readme_or_in_the_index() -> None:
    """docs/README.md is the index; what a decision is listed in is said above."""
    linked = {
        (page.parent / target).resolve() for page in (README, INDEX) for target in LINK.findall(page.read_text("utf-8"))
    }
    pages = set((ROOT / "docs").rglob("*.md")) - set((ROOT / "docs" / "decisions").glob("*.md")) - {INDEX}
    missing = sorted(named(path) for path in pages - linked)
    assert not missing, f"the index, docs/README.md, lacks {missing}"

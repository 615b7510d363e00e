"""Holds the documents to the program: tables made from the code, links, snippets, commands, and the tests they name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from colonies_edge.apps.cli.parser import GROUPS, parse
from colonies_edge.protocol.errors import UsageError
from tests.test_tidy import ROOT, named, tracked

PAGES = [path for path in tracked() if path.suffix == ".md"]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
OURS = re.compile(
    r"`((?:tests|docs|benchmarks|examples|broker_config|colonies_edge|engine|storage|transports)/[\w./-]+)`"
)
PROGRAM = "colonies-edge"
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
        if PROGRAM in words:
            commands.append(words[words.index(PROGRAM) + 1 :])
    return commands


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_tables_are_those_of_the_code() -> None:
    generate = generator()
    text = generate.PAGE.read_text(encoding="utf-8")
    assert set(generate.MAKERS) == {match[2] for match in generate.BLOCK.finditer(text)}
    assert generate.rewritten(text) == text, "run `python3 docs/generate.py` and look at what changed"


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


def test_the_readmes_python_is_python_and_imports_what_there_is() -> None:
    found = blocks(README, "python")
    assert found, "the README shows how it is used in Python"
    for block in found:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "colonies_edge":
                module = importlib.import_module("colonies_edge")
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                assert not missing, f"the README imports {missing}"


def test_the_readme_does_not_deny_what_is_there() -> None:
    denied = re.search(r"\*\*none for (.*?)\*\*", prose(README), re.DOTALL)
    assert denied is not None, "the README says for what of Colonies there are no commands"
    there = [word for word in re.findall(r"[a-z]+", denied[1]) if word.rstrip("s") in GROUPS]
    assert not there, f"there are commands for these: take them out of the README's list: {there}"


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall(prose(ARCHITECTURE)))
    pages = {f"decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert pages <= listed, f"docs/ARCHITECTURE.md, section 6, lists decisions: add {sorted(pages - listed)}"


def test_every_document_is_in_the_readme() -> None:
    linked = set(LINK.findall(prose(README)))
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= linked, f"the README's table of documents lacks {sorted(pages - linked)}"

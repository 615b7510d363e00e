"""What may be typed after what: the parser of every command, read into a plain tree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from colonies_edge.apps.cli.parser import add_group, group_named, whole

FILE, FOLDER, VALUE, NOTHING = "file", "folder", "value", ""
_PATHS = {"FILE": FILE, "DIR": FOLDER}


@dataclass(frozen=True, slots=True)
class Option:
    """A flag: its spellings, its line in the help, and what follows it."""

    names: tuple[str, ...]
    help: str
    takes: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """What may follow these words: further words with their help, and flags."""

    path: tuple[str, ...]
    words: dict[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()


def tree() -> list[Node]:
    """All nodes, the program itself first."""
    return [node for found in _nodes(whole(), ()) for node in _with_commands(found)]


def _with_commands(node: Node) -> Iterator[Node]:
    """A command may be a group, too (`enrol TOKEN` and `enrol ls`): its parser knows the one or the other."""
    group = group_named(node.path[0]) if len(node.path) == 1 else None
    if group is None or group.itself is None or not group.commands:
        yield node
        return
    sub = argparse.ArgumentParser().add_subparsers()
    add_group(sub, group, group.words[:1], "")
    first, *below = _nodes(sub.choices[group.name], node.path)
    yield replace(node, words=first.words)
    yield from below


def _nodes(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[Node]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    words = {choice.dest: _line(choice) for action in below for choice in action._choices_actions}
    options = tuple(_option(action) for action in parser._actions if action.option_strings)
    yield Node(path, words, options)
    for action in below:
        for word, inner in action.choices.items():
            yield from _nodes(inner, (*path, word))


def _option(action: argparse.Action) -> Option:
    takes = NOTHING
    if action.nargs != 0:
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        takes = _PATHS.get(metavar, VALUE)
    choices = tuple(str(choice) for choice in action.choices or ())
    return Option(tuple(action.option_strings), _line(action), takes, choices)


def _line(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")

"""From words to a command: only the group that was asked for is loaded, the others are names in the help."""

from __future__ import annotations

import argparse
import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from colonies_edge import __version__
from colonies_edge.apps.cli.command import Group, add_command, add_common
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.protocol.errors import UsageError

# Word → module below this package (or a callable's home elsewhere) and its line in the help.
GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dev": ("dev", "a colony for this folder: broker, coordinator, keys and a user"),
        "demo": ("demo", "broker, coordinator and executor run one job, then everything is gone again"),
        "status": ("status", "the colony on one screen"),
        "coordinator": ("coordinator", "run the coordinator"),
        "bridge": ("bridge", "join this colony with one elsewhere, over a line that may be bad"),
        "executor": ("executor", "register, approve and run executors"),
        "enrol": ("enrol", "let devices in by a token: on the device `enrol TOKEN`"),
        "function": ("function", "submit functions, see and register what executors can do"),
        "process": ("process", "list, show and steer processes"),
        "workflow": ("workflow", "submit graphs of functions, watch them and steer them"),
        "cron": ("cron", "workflows that start at certain times"),
        "generator": ("generator", "workflows that start when enough arguments have come together"),
        "attribute": ("attribute", "notes kept with a process"),
        "fs": ("fs", "files of the colony: sync folders, list, fetch, snapshots"),
        "log": ("log", "logs of processes and executors"),
        "colony": ("colony", "add, list and count colonies"),
        "user": ("user", "add, list and remove users"),
        "blueprint": ("blueprint", "what shall be so in the colony, and who brings it about"),
        "location": ("location", "places that executors and conditions refer to by name"),
        "server": ("server", "the coordinator: start, status, counters, owner"),
        "cluster": ("cluster", "the servers behind the coordinator's address"),
        "security": ("security", "private keys and identities"),
        "tls": ("tls", "certificates: an authority of one's own, the coordinator's, those of clients"),
        "ledger": ("ledger", "prove offline what was done"),
        "database": ("database", "make or remove the folder in which the coordinator keeps everything"),
        "monitor": ("monitor", "the coordinator's counters for Prometheus"),
        "broker-config": ("broker_config", "files for a broker of one's own"),
        "doctor": ("doctor", "find out why something does not work"),
        "config": ("config", "settings, and where each came from"),
        "completion": ("completion", "scripts with which a shell completes commands and flags"),
        "install": ("install", "make a service of this machine: coordinator, executor or bridge"),
        "upgrade": ("upgrade", "put a newer program in the installed one's place, with the way back"),
        "uninstall": ("uninstall", "take installed services away; data stays"),
        "version": ("version", "version of this program"),
    }
)


class Parser(argparse.ArgumentParser):
    """argparse that takes no abbreviations and fails with one line."""

    def __init__(self, **told: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **told})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of one command, with `command` set; without one, `help` is the parser to show."""
    name = _first_word(words)
    if name:
        _known(name, tuple(GROUPS), PROGRAM)
    parser = Parser(prog=PROGRAM, description="Colonies at the edge: signed jobs over MQTT.")
    parser.set_defaults(help=parser)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    add_common(parser)
    sub = parser.add_subparsers(title="commands", metavar="COMMAND")
    for known, (module, text) in GROUPS.items():
        if known == name:
            _load(module)(sub, words[list(words).index(name) + 1 :])
        else:
            sub.add_parser(known, help=text)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        asked = getattr(args, "prog", None) or getattr(args, "help", parser).prog
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}; see `{asked} --help`")
    for common in ("json", "quiet", "verbose"):
        setattr(args, common, getattr(args, common, False))
    return args


def whole() -> argparse.ArgumentParser:
    """The parser of everything, for those who write about it; one command never needs it."""
    parser = Parser(prog=PROGRAM)
    add_common(parser)
    sub = parser.add_subparsers()
    for module, _ in GROUPS.values():
        _load(module)(sub, ())
    return parser


def load_group(name: str) -> Group:
    """The table of one group of commands."""
    group: Group = importlib.import_module(f"{__package__}.{GROUPS[name][0]}").GROUP
    return group


def group_named(name: str) -> Group | None:
    """The same, None for a module that brings a parser of its own."""
    return getattr(importlib.import_module(f"{__package__}.{GROUPS[name][0]}"), "GROUP", None)


def _load(module: str) -> Callable[[Any, Sequence[str]], None]:
    """What adds a group to the parser; a module without a table brings a parser of its own."""
    name = f"{__package__}.{module}"
    try:
        loaded = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        word = module.replace("_", "-")
        missing = f"`{PROGRAM} {word}` is not in this file, which is for executors"
        raise UsageError(f"{missing}; it is in {PROGRAM}.pyz") from error
    if hasattr(loaded, "GROUP"):
        return lambda sub, rest: add_group(sub, loaded.GROUP, rest, PROGRAM)
    attach: Callable[[Any], Any] = loaded.attach
    return lambda sub, rest: attach(sub) and None


def add_group(sub: Any, group: Group, rest: Sequence[str], prog: str) -> None:
    """Add a group and what is below it; an unknown word below it is refused by name, not answered with help."""
    parser = sub.add_parser(group.name, help=group.help, description=_sentence(group.help))
    if group.itself is not None and group.commands:
        parser.epilog = "Further: " + "; ".join(f"`{prog} {group.name} {c.name}`, {c.help}" for c in group.commands)
    word = _first_word(rest)
    if group.itself is not None and word not in group.words:
        add_command(parser, group.itself)
        return
    parser.set_defaults(help=parser)
    add_common(parser)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    if word:
        _known(word, group.words, f"{prog} {group.name}")
    for command in group.commands:
        add_command(verbs.add_parser(command.name, help=command.help, description=_sentence(command.help)), command)
    for subgroup in group.subgroups:
        below = rest[list(rest).index(word) + 1 :] if word == subgroup.name else ()
        add_group(verbs, subgroup, below, f"{prog} {group.name}")


def _first_word(words: Sequence[str]) -> str:
    """The flags that may stand before a command take no values, so the first word without a dash is the command."""
    return next((word for word in words if not word.startswith("-")), "")


def _known(word: str, choices: Sequence[str], prog: str) -> None:
    if word in choices:
        return
    near = difflib.get_close_matches(word, choices, 1)
    hint = f"did you mean `{prog} {near[0]}`?" if near else f"see `{prog} --help`"
    raise UsageError(f"`{prog}` has no command {word!r}; {hint}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."

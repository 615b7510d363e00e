"""The reference of the command line, as a page and as a manual page, and the tables of settings: read from the parser.

`docs/generate.py` is the program to run; this is its part about what a person types.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colonies_edge import __version__
from colonies_edge.apps.cli import command, exits
from colonies_edge.apps.cli.console import PROGRAM
from colonies_edge.apps.cli.parser import GROUPS, add_group, group_named, whole
from colonies_edge.apps.config import DEFAULTS, DEVENV, FOLDER, SECRETS, VARIABLES
from colonies_edge.client.s3 import S3Settings
from colonies_edge.crypto.backends import SETTING as CRYPTO

HERE = Path(__file__).resolve().parent
SETTINGS, EVERYWHERE = "settings", "everywhere"  # the titles of groups of flags that most commands share

EXITS = (
    (exits.SUCCESS, "done"),
    (exits.FAILED, "the job or the request failed; the line on stderr says why and what to do"),
    (exits.USAGE, "the command or a setting makes no sense"),
    (exits.NO_CONNECTION, "nobody answered"),
    (exits.INTERRUPTED, "Ctrl-C, where stopping is not the ordinary end"),
    (exits.PIPE_CLOSED, "the reader of the output has left"),
)
# Read beside the settings. Name, who reads it, what it does; a test finds the ones that are missing here.
_EVERY, _COMMAND = "every program", "every command"
OTHER_VARIABLES = (
    ("COLONIES_VERBOSE", _COMMAND, "`true` is `--verbose`"),
    ("COLONIES_CLI_ASCII", _COMMAND, "`true`: tables of plain ASCII on a terminal, too"),
    ("NO_COLOR", _COMMAND, "anything: no colours"),
    ("TERM", _COMMAND, "`dumb`: no colours, and nothing is drawn in place"),
    (CRYPTO, _EVERY, "`libsecp256k1`, `coincurve` or `python` makes the signatures; else the fastest that is there"),
    ("SSL_CERT_FILE", _EVERY, "authorities (PEM) instead of the system's, where `COLONIES_MQTT_CA` is not set"),
    ("XDG_CONFIG_HOME", "`Client` away from a `dev`", "below it the identities of coordinators are remembered"),
    ("COLONIES_SERVER_HTTP_PORT", "`dev`", "the port for HTTP, where `--http-port` is not given"),
    (
        "COLONIES_SERVER_HOST, COLONIES_SERVER_PORT, COLONIES_SERVER_TLS, COLONIES_TLS",
        "upstream's SDKs and tools",
        "written into the devenv by `dev` for them; nothing here reads them",
    ),
    (
        "COLONIES_PROCESS_ID, COLONIES_ATTEMPT, COLONIES_EXECUTOR_ID, COLONIES_COLONY_ID",
        "what an os executor runs",
        "which process and attempt this is, and where; keys are taken out of its environment",
    ),
    (
        "COLONIES_INPUT, COLONIES_INPUT_FILE",
        "what an os executor runs",
        "what the parents in a workflow put out, a JSON list, and a file with the same; above 64 KiB only the file",
    ),
    ("COLONIES_PROCESS_FILE", "what an os executor runs", "a file with the whole process as JSON"),
    (
        "COLONIES_KEY_PASSPHRASE, COLONIES_KEY_PASSPHRASE_FILE",
        _EVERY,
        "the passphrase under which private keys lie, or a file that holds it",
    ),
    (
        "COLONIES_EDGE_OPTIONS",
        "services made by `install`",
        "flags of the service, in its file below `/etc/colonies-edge`",
    ),
    (
        "COLONIES_ORIGIN, COLONIES_LABEL",
        "what a bridge submits",
        "in `env` of the process: where it came from, and the label that it had there",
    ),
    (
        "COLONIES_EDGE_EXECUTOR, COLONIES_EDGE_EXECUTORTYPE, COLONIES_EDGE_START_NS, COLONIES_EDGE_END_NS",
        "what a bridge mirrors",
        "in `env` of the process: who ran it at the edge, and when",
    ),
    ("COLONIES_KEY_PASSPHRASE", "whatever has a key in a folder", "opens keys that are kept under a passphrase"),
    ("COLONIES_KEY_PASSPHRASE_FILE", "whatever has a key in a folder", "the same, in the first line of a file"),
    ("COLONIES_EDGE_OPTIONS", "units that `install` writes", "what is added to the command line of the service"),
    (
        "COLONIES_ORIGIN, COLONIES_LABEL",
        "what came over a bridge",
        "set in the environment of its processes: where it was, hop by hop, and the label that people gave it",
    ),
    (
        "COLONIES_EDGE_EXECUTORTYPE, COLONIES_EDGE_EXECUTOR, COLONIES_EDGE_START_NS, COLONIES_EDGE_END_NS",
        "who looks at mirrored work at the other end of a bridge",
        "set there: who ran it at the edge, and when",
    ),
    (
        ", ".join(f"AWS_S3_{name.upper()}" for name in S3Settings.__dataclass_fields__),
        "`fs`, `Client`",
        "an object store for the bytes of files, in place of the coordinator",
    ),
)
# Settings that single commands take; their flags are in the reference of those commands.
OF_ONE_COMMAND = {
    "retention": "`coordinator start`, `server start`: `true` or `false`, whether old work is forgotten",
    "retention_policy": "`coordinator start`, `server start`: seconds after which it is forgotten",
    "monitor_port": "`monitor start`: where it listens",
    "monitor_interval": "`monitor start`: seconds between two looks",
}
WHERE_FILES = (
    (f"./{FOLDER}/{DEVENV}", "settings of this folder, written by `dev`: `export NAME=value` lines"),
    (f"./{FOLDER}/", "keys, identities that were learnt, unsent results; elsewhere with `COLONIES_DATA_DIR`"),
    ("server.key, journal/, colony.json, archive.sqlite, ledger/", "in the data folder of a coordinator"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a word with commands below it."""

    words: tuple[str, ...]
    help: str
    parser: argparse.ArgumentParser
    group: bool

    @property
    def name(self) -> str:
        return " ".join((PROGRAM, *self.words))


def entries() -> list[Entry]:
    """Every word in the order of the help."""
    return list(_entries(whole(), ()))


def _entries(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[Entry]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        lines = {choice.dest: plain(choice.help) for choice in action._choices_actions}
        for word, below in action.choices.items():
            group = any(isinstance(inner, argparse._SubParsersAction) for inner in below._actions)
            yield Entry((*path, word), lines.get(word, ""), below, group)
            yield from _entries(below if path or group else _below(word), (*path, word))


def _below(word: str) -> argparse.ArgumentParser:
    """The commands below a word that is a command itself, too (`enrol TOKEN`, `enrol ls`): the word that follows tells
    the parser which of both is meant."""
    group, parser = group_named(word), argparse.ArgumentParser()
    if group is None or group.itself is None or not group.commands:
        return parser
    sub = parser.add_subparsers()
    add_group(sub, group, group.words[:1], PROGRAM)
    found: argparse.ArgumentParser = sub.choices[group.name]
    return found


def plain(text: str | None) -> str:
    return (text or "").replace("%%", "%")


def actions_of(parser: argparse.ArgumentParser, *, shared: str = "") -> list[argparse.Action]:
    """A command's own words and flags; with `shared`, those of the group with this title."""
    found = []
    for group in parser._action_groups:
        is_shared = group.title in (SETTINGS, EVERYWHERE)
        if (group.title == shared) if shared else not is_shared:
            found += [action for action in group._group_actions if not _is_structure(action)]
    return found


def _is_structure(action: argparse.Action) -> bool:
    return isinstance(action, argparse._HelpAction | argparse._SubParsersAction)


def spelt(action: argparse.Action) -> str:
    """`-p, --processid ID`, `--watch [SECONDS]`, `DIR`."""
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.nargs != 0:
        value = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    if not action.option_strings:
        return value
    value = f"[{value}]" if action.nargs == "?" else value
    return ", ".join(action.option_strings) + (f" {value}" if value and action.nargs != 0 else "")


def explained(action: argparse.Action) -> str:
    return plain(action.help) + (" (required)" if action.required and action.option_strings else "")


def shared_settings() -> list[tuple[str, str]]:
    """The flags that override settings, once for all commands."""
    rows: dict[str, str] = {}
    known: set[str] = set()
    found = [(setting.names, setting.help) for setting in command._SETTINGS.values()]
    for entry in entries():
        found += [(tuple(a.option_strings), plain(a.help)) for a in actions_of(entry.parser, shared=SETTINGS)]
    for names, text in found:
        if known.isdisjoint(names):
            rows[", ".join(names)] = text
            known.update(names)
    return list(rows.items())


# -- docs/reference/cli.md


def page() -> str:
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "Made from the parser by `python3 docs/generate.py`. As a manual page: [colonies-edge.1](colonies-edge.1)."
    yield "What the settings mean and where they come from: [configuration.md](configuration.md)."
    yield ""
    yield "Every command understands"
    yield ""
    yield from _table(("flag", "meaning"), _rows(actions_of(whole(), shared=EVERYWHERE)))
    yield ""
    yield "and `--help`. Where a command lists *settings*, these are flags that override them:"
    yield ""
    yield from _table(("flag", "meaning"), shared_settings(), code=True)
    yield ""
    yield "Exit codes:"
    yield ""
    yield from _table(("code", "meaning"), ((str(code), text) for code, text in EXITS))
    for entry in entries():
        yield ""
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    yield f"{'##' if len(entry.words) == 1 else '###'} {entry.name}"
    yield ""
    yield f"{sentence(entry.help)}"
    own = actions_of(entry.parser)
    if own:
        yield ""
        yield from _table(("flag", "meaning"), _rows(own))
    settings = [action.option_strings[0] for action in actions_of(entry.parser, shared=SETTINGS)]
    if settings:
        yield ""
        yield f"Settings: {', '.join(f'`{name}`' for name in settings)}."


def _rows(actions: Iterable[argparse.Action]) -> Iterator[tuple[str, str]]:
    for action in actions:
        yield f"`{spelt(action)}`", explained(action)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, code: bool = False) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for first, *rest in rows:
        cells = [f"`{first}`" if code else first, *rest]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# -- the tables of docs/reference/configuration.md


def settings_table() -> Iterator[str]:
    """Each setting: variable, flags, default, meaning."""
    flags: dict[str, list[str]] = {}
    for setting in command._SETTINGS.values():
        flags.setdefault(setting.dest, []).extend(setting.names)
    rows = (
        (
            f"`{variable}`",
            ", ".join(f"`{flag}`" for flag in flags.get(name, ())) or "-",
            f"`{DEFAULTS[name]}`" if name in DEFAULTS else "-",
            _meaning(name) + (" (a secret: shown as the identity it belongs to)" if name in SECRETS else ""),
        )
        for name, variable in VARIABLES.items()
    )
    yield from _table(("variable", "flag", "default", "meaning"), rows)


def variables_table() -> Iterator[str]:
    """What is read from the environment beside the settings."""
    rows = ((", ".join(f"`{name}`" for name in names.split(", ")), who, what) for names, who, what in OTHER_VARIABLES)
    yield from _table(("variable", "read by", "meaning"), rows)


# -- docs/reference/colonies-edge.1


def manual() -> str:
    return "\n".join(_manual()) + "\n"


def _manual() -> Iterator[str]:
    yield '.\\" Made from the parser by docs/generate.py.'
    yield f'.TH COLONIES\\-EDGE 1 "" "colonies\\-edge {roff(__version__)}" "User Commands"'
    yield from (".nh", ".ad l")  # words that can be copied, and narrow terminals
    yield from (".SH NAME", f"{roff(PROGRAM)} \\- Colonies at the edge: signed jobs over MQTT")
    yield from (".SH SYNOPSIS", f".B {roff(PROGRAM)}", "[\\fB\\-\\-json\\fR] [\\fB\\-\\-quiet\\fR]")
    yield from ("[\\fB\\-v\\fR] \\fICOMMAND\\fR [\\fIWORD\\fR] [\\fIFLAG\\fR ...]",)
    yield ".SH DESCRIPTION"
    yield roff("A coordinator, executors and the tools of people, in one file. People submit jobs, machines with the")
    yield roff("right abilities run them, every message is signed, and what was acknowledged is on the disk.")
    yield roff(
        "`colonies-edge dev` makes a colony in a folder, `colonies-edge demo` runs one job and leaves nothing behind,"
    )
    yield roff("`colonies-edge doctor` says what is wrong.")
    yield ".SH COMMANDS"
    for word, (_, text) in GROUPS.items():
        yield from (".TP", f".B {roff(word)}", roff(sentence(text)))
    for entry in entries():
        if not entry.group:
            yield from _manual_entry(entry)
    yield ".SH OPTIONS OF EVERY COMMAND"
    yield from _manual_flags(actions_of(whole(), shared=EVERYWHERE))
    yield ".SH SETTINGS"
    yield roff(f"A flag beats the environment, which beats ./{FOLDER}/{DEVENV}, which beats the default.")
    for names, text in shared_settings():
        yield from (".TP", f".B {roff(names)}", roff(sentence(text)))
    yield ".SH ENVIRONMENT"
    yield from _manual_environment()
    yield ".SH FILES"
    for name, text in WHERE_FILES:
        yield from (".TP", f".I {roff(name)}", roff(sentence(text)))
    yield ".SH EXIT STATUS"
    for code, text in EXITS:
        yield from (".TP", f".B {code}", roff(sentence(text)))
    yield ".SH SEE ALSO"
    yield ".BR mosquitto (8),\n.BR systemd.service (5)"


def _manual_entry(entry: Entry) -> Iterator[str]:
    yield from (f".SS {roff(entry.name)}", roff(sentence(entry.help)))
    yield from _manual_flags(actions_of(entry.parser))
    settings = [action.option_strings[0] for action in actions_of(entry.parser, shared=SETTINGS)]
    if settings:
        yield from (".PP", f"Settings: {roff(', '.join(settings))}.")


def _manual_flags(actions: Iterable[argparse.Action]) -> Iterator[str]:
    for action in actions:
        yield from (".TP", f".B {roff(spelt(action))}", roff(sentence(explained(action))) or "\\&")


def _manual_environment() -> Iterator[str]:
    for name, variable in VARIABLES.items():
        default = f"; default {DEFAULTS[name]}" if name in DEFAULTS else ""
        yield from (".TP", f".B {roff(variable)}", roff(sentence(f"{_meaning(name)}{default}")))
    for names, who, what in OTHER_VARIABLES:
        yield from (".TP", f".B {roff(names)}", roff(f"{sentence(what)} Read by: {who}."))


def _meaning(name: str) -> str:
    helps = {setting.dest: setting.help for setting in command._SETTINGS.values()}
    return helps.get(name) or OF_ONE_COMMAND[name]


def roff(text: str) -> str:
    """Text that means itself: no requests at the start of a line, hyphens that can be copied, code in bold."""
    parts = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").split("`")
    bold = "".join(f"\\fB{part}\\fR" if index % 2 else part for index, part in enumerate(parts))
    ascii_text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in bold)
    return f"\\&{ascii_text}" if ascii_text.startswith((".", "'")) else ascii_text


FILES = {HERE / "reference" / "cli.md": page, HERE / "reference" / f"{PROGRAM}.1": manual}
MAKERS = {"settings": settings_table, "variables": variables_table}
PAGE = HERE / "reference" / "configuration.md"

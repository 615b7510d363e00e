"""What a command is: a row in a table from which the parser, the help and the tests are made."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session

Run: TypeAlias = "Callable[[Session], int | Awaitable[int]]"


@dataclass(frozen=True, slots=True)
class Flag:
    """One option: its spellings, and what argparse is told about it."""

    names: tuple[str, ...]
    told: Mapping[str, Any]


def flag(*names: str, **told: Any) -> Flag:
    return Flag(names, MappingProxyType(told))


def switch(*names: str, help: str) -> Flag:
    return flag(*names, action="store_true", help=help)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command. `key` names the setting whose private key signs its messages, "any" stands for questions that
    everybody may ask, "member" for those that executors may ask as users do; `colony` says that it acts in one;
    `connects` that it talks at all; `settings` are further ones.
    """

    name: str
    help: str
    run: Run
    flags: tuple[Flag, ...] = ()
    key: str = ""
    colony: bool = False
    connects: bool = True
    key_flags: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    exclusive: tuple[tuple[Flag, ...], ...] = ()  # of each tuple at most one may be given
    words: tuple[Flag, ...] = ()  # positional arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands under one word; `subgroups` nest (`executor os start`). A group may be a command itself (`doctor`)."""

    name: str
    help: str
    commands: tuple[Command, ...] = ()
    subgroups: tuple[Group, ...] = ()
    itself: Command | None = None

    @property
    def words(self) -> list[str]:
        """What may follow the group's name."""
        return [command.name for command in self.commands] + [subgroup.name for subgroup in self.subgroups]


@dataclass(frozen=True, slots=True)
class Setting:
    """A flag that overrides a setting of `apps.config`."""

    names: tuple[str, ...]
    dest: str
    help: str
    metavar: str = "TEXT"


_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.dest: setting
        for setting in (
            Setting(("--mqtt",), "mqtt", "the broker: mqtt://[user:password@]host[:port] or mqtts://…", "URL"),
            Setting(("--cafile",), "mqtt_ca", "the authority that signed the broker's certificate (PEM)", "FILE"),
            Setting(("--tls-client-cert",), "mqtt_cert", "the client certificate to show the broker (PEM)", "FILE"),
            Setting(("--tls-client-key",), "mqtt_key", "its private key, where it is not in the same file", "FILE"),
            Setting(("--serverid",), "serverid", "the coordinator's identity; no other is believed", "ID"),
            Setting(("--topic-root",), "topic_root", "first levels of every topic (colonies)"),
            Setting(("--colonyname",), "colonyname", "the colony", "NAME"),
            Setting(("--name", "--executorname"), "executorname", "the executor's name", "NAME"),
            Setting(("--executortype",), "executortype", "the executor's type", "TYPE"),
            Setting(("--data",), "data_dir", "where keys and unsent results are kept (.colonies-edge)", "DIR"),
            Setting(("--prvkey",), "prvkey", "the user's or executor's private key", "KEY"),
            Setting(("--prvkey",), "executor_prvkey", "the executor's private key", "KEY"),
            Setting(("--colonyprvkey",), "colony_prvkey", "the colony owner's private key", "KEY"),
            Setting(("--serverprvkey",), "server_prvkey", "the server owner's private key", "KEY"),
        )
    }
)
_CONNECTION = ("mqtt", "mqtt_ca", "mqtt_cert", "mqtt_key", "serverid", "topic_root")


def settings_of(command: Command) -> list[Setting]:
    """The flags that a command has because of what it needs; where it has an option of that name, it means that one."""
    wanted = [*(_CONNECTION if command.connects else ()), *command.settings]
    wanted += ["colonyname"] if command.colony else []
    wanted += ["prvkey" if command.key in ("any", "member") else command.key] if command.key else []
    own = {name for option in _own(command) for name in option.names}
    found = [_SETTINGS[name] for name in dict.fromkeys(wanted)]
    if command.key_flags:
        found = [replace(s, names=command.key_flags) if s.dest == command.key else s for s in found]
    return [setting for setting in found if not own.intersection(setting.names)]


def _own(command: Command) -> list[Flag]:
    return [*command.flags, *(option for choices in command.exclusive for option in choices)]


def add_common(parser: argparse.ArgumentParser) -> None:
    """Understood before and after the command's words. SUPPRESS: the one that was not given must not undo the other."""
    group = parser.add_argument_group("everywhere")
    for names, text in (
        (("--json",), "print the JSON that the coordinator replied, and nothing else"),
        (("--quiet",), "print results and errors only"),
        (("-v", "--verbose"), "say what happens, on stderr"),
    ):
        group.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=text)


def add_command(parser: argparse.ArgumentParser, command: Command) -> None:
    """Teach a parser one command."""
    parser.set_defaults(command=command, prog=parser.prog)
    for word in command.words:
        parser.add_argument(*word.names, **word.told)
    for option in command.flags:
        parser.add_argument(*option.names, **option.told)
    for choices in command.exclusive:
        one_of = parser.add_mutually_exclusive_group()
        for option in choices:
            one_of.add_argument(*option.names, **option.told)
    settings = settings_of(command)
    if settings:
        group = parser.add_argument_group(
            "settings", "a flag beats the environment, which beats ./.colonies-edge/devenv"
        )
        for setting in settings:
            group.add_argument(*setting.names, dest=f"set_{setting.dest}", metavar=setting.metavar, help=setting.help)
        if command.connects:
            _add_broker_flags(group, command)
    add_common(parser)


def _add_broker_flags(group: argparse._ArgumentGroup, command: Command) -> None:
    taken = {name for option in _own(command) for name in option.names}
    if "--host" not in taken:
        group.add_argument("--host", dest="set_host", metavar="HOST", help="the broker's host, in place of --mqtt")
    if "--port" not in taken:
        group.add_argument("--port", dest="set_port", metavar="PORT", type=int, help="the broker's port")
    group.add_argument("--skip-tls-verify", action="store_true", help="believe any broker; messages stay signed")


_URL_PARTS = ("set_host", "set_port")


def given(args: argparse.Namespace) -> dict[str, str | None]:
    """The flags of one invocation that override settings; --host and --port are parts of one, see `Session.config`."""
    return {name[4:]: value for name, value in vars(args).items() if name.startswith("set_") and name not in _URL_PARTS}

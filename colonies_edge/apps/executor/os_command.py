"""From a function spec to a command of this machine: its arguments and its environment."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colonies_edge.apps import passphrase
from colonies_edge.protocol.codec import dump_json
from colonies_edge.protocol.model import FunctionSpec

SECRETS = (
    *("COLONIES_PRVKEY", "COLONIES_EXECUTOR_PRVKEY", "COLONIES_COLONY_PRVKEY", "COLONIES_SERVER_PRVKEY"),
    *(passphrase.VARIABLE, passphrase.FILE_VARIABLE, passphrase.CREDENTIALS_VARIABLE),
)
_URL_LOGIN = re.compile(r"//[^/@]*@")
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# With these a process decides which code an allowed program runs.
_CODE_VARIABLES = re.compile(
    "PATH|LD_.*|DYLD_.*|GCONV_PATH|IFS|ENV|BASH_ENV|SHELLOPTS|PYTHON.*|PERL.*|RUBY.*|NODE_.*|GIT_.*"
)


class Refused(Exception):
    """This executor does not run that; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`allow` empty: anything, through a shell. Otherwise only these programs, by name or by path, without one."""

    allow: tuple[str, ...] = ()

    def argv(self, spec: FunctionSpec) -> list[str]:
        """Raises Refused."""
        words = [*(_text(arg) for arg in spec.args), *_options(spec.kwargs)]
        if any("\0" in word for word in (spec.funcname, *words)):
            raise Refused("an argument contains a NUL character, which no program can be given")
        if not spec.funcname.strip():
            raise Refused("there is no command: funcname is empty")
        if self.allow:
            return [self._program(spec.funcname), *words]
        return ["/bin/sh", "-c", " ".join([spec.funcname, *map(shlex.quote, words)])]

    def _program(self, funcname: str) -> str:
        """Looked up in the executor's own PATH, never in that of the process."""
        if funcname not in self.allow:
            first = funcname.split(maxsplit=1)[0]
            apart = f"; the arguments of {first} go into args" if first in self.allow else ""
            raise Refused(f"{funcname!r} is not allowed here; allowed are: {', '.join(sorted(self.allow))}{apart}")
        path = shutil.which(funcname)
        if path is None:
            raise Refused(f"{funcname!r} is allowed, but is not installed on this machine")
        return path

    def check_env(self, env: Mapping[str, str]) -> None:
        for name, value in env.items():
            if not name or "=" in name or "\0" in name or "\0" in value:
                raise Refused(f"{name!r} is no name or value of an environment variable")
            if self.allow and _CODE_VARIABLES.fullmatch(name):
                raise Refused(f"the environment variable {name} is not allowed here: it could change what is run")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump_json(value)


def _options(kwargs: Mapping[str, Any]) -> list[str]:
    """`{"size": 3, "fast": true, "old": false}` is `--size=3 --fast`."""
    words = []
    for key, value in kwargs.items():
        if not _OPTION.fullmatch(key):
            raise Refused(f"the keyword argument {key!r} cannot be an option of a program")
        if value is True:
            words.append(f"--{key}")
        elif value is not False and value is not None:
            words.append(f"--{key}={_text(value)}")
    return words


def environment(
    base: Mapping[str, str], spec: FunctionSpec, own: Mapping[str, str], *, private_key: str = ""
) -> dict[str, str]:
    """The executor's environment without keys and passwords, then the process's, then what is said about it."""
    env = {name: value for name, value in base.items() if name not in SECRETS}
    if "COLONIES_MQTT" in env:
        env["COLONIES_MQTT"] = _URL_LOGIN.sub("//", env["COLONIES_MQTT"])
    env |= spec.env
    env |= own
    if private_key:
        env["COLONIES_EXECUTOR_PRVKEY"] = private_key
    return env


def split_allow(text: str | Sequence[str]) -> tuple[str, ...]:
    """`--allow ls,/usr/bin/du`; a relative path means the file that it names now."""
    names = text.split(",") if isinstance(text, str) else list(text)
    found = []
    for name in (name.strip() for name in names):
        if name:
            found.append(os.path.abspath(name) if "/" in name and not Path(name).is_absolute() else name)
    return tuple(dict.fromkeys(found))

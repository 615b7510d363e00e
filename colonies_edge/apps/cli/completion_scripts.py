"""Completion scripts as text: one function per shell that finds the command in the line, and a case per command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

from colonies_edge.apps.cli.completion_tree import FILE, FOLDER, NOTHING, VALUE, Node, Option
from colonies_edge.apps.cli.console import PROGRAM

NAMES = (PROGRAM, f"{PROGRAM}.pyz")

_BASH = """\
# bash completion of {program}; made by `{program} completion bash`
_colonies_edge() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} at='' word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at $word" in
            {paths}) at="$at $word" ;;
        esac
    done
    COMPREPLY=()
    case "$at $prev" in
{values}
    esac
    local words='' flags=''
    case "$at" in
{nodes}
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    fi
}}
complete -F _colonies_edge {names}
"""

_BASH_TAKES = {
    FILE: 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return',
    FOLDER: 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return',
    VALUE: "return",
}


def bash(nodes: Sequence[Node]) -> str:
    """Sub-commands, flags, and files where a flag takes one."""
    return _BASH.format(
        program=PROGRAM,
        names=" ".join(NAMES),
        paths=_paths(nodes),
        values="\n".join(_bash_value(node, option) for node in nodes for option in node.options if option.takes),
        nodes="\n".join(
            f"        {_at(node)}) words={shlex.quote(' '.join(node.words))} flags={shlex.quote(_flags(node))} ;;"
            for node in nodes
        ),
    )


def _bash_value(node: Node, option: Option) -> str:
    where = "|".join(shlex.quote(f"{_joined(node)} {name}") for name in option.names)
    if option.choices:
        words = shlex.quote(" ".join(option.choices))
        return f'        {where}) COMPREPLY=($(compgen -W {words} -- "$cur")); return ;;'
    return f"        {where}) {_BASH_TAKES[option.takes]} ;;"


_ZSH = """\
#compdef {names}
# zsh completion of {program}; made by `{program} completion zsh`
_colonies_edge() {{
    local at='' word
    local -a found
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$at $word" in
            ({paths}) at="$at $word" ;;
        esac
    done
    case "$at ${{words[CURRENT-1]}}" in
{values}
    esac
    case "$at" in
{nodes}
    esac
}}
if [ "${{funcstack[1]}}" = _colonies-edge ]; then
    _colonies_edge "$@"
else
    compdef _colonies_edge {names}
fi
"""

_ZSH_TAKES = {FILE: "_files; return", FOLDER: "_files -/; return", VALUE: "_message value; return"}


def zsh(nodes: Sequence[Node]) -> str:
    """The same, with the lines of the help beside the words."""
    return _ZSH.format(
        program=PROGRAM,
        names=" ".join(NAMES),
        paths=_paths(nodes),
        values="\n".join(_zsh_value(node, option) for node in nodes for option in node.options if option.takes),
        nodes="\n".join(_zsh_node(node) for node in nodes),
    )


def _zsh_value(node: Node, option: Option) -> str:
    where = "|".join(shlex.quote(f"{_joined(node)} {name}") for name in option.names)
    if option.choices:
        return f"        ({where}) compadd -- {' '.join(map(shlex.quote, option.choices))}; return ;;"
    return f"        ({where}) {_ZSH_TAKES[option.takes]} ;;"


def _zsh_node(node: Node) -> str:
    words = " ".join(_zsh_entry(word, text) for word, text in node.words.items())
    flags = " ".join(_zsh_entry(name, option.help) for option in node.options for name in option.names)
    lines = []
    if words:
        lines.append(f"found=({words}); _describe command found")
    if flags:
        lines.append(f"found=({flags}); _describe flag found")
    return f"        ({_at(node)}) {'; '.join(lines) or ':'} ;;"


def _zsh_entry(word: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(":", "\\:")
    return shlex.quote(f"{word}:{escaped}")


_FISH = """\
# fish completion of {program}; made by `{program} completion fish`
function __colonies_edge_at
    set -l words (string match --invert --regex -- '^-' (commandline -opc)[2..])
    if test "$argv[1]" = group
        test "$words" = "$argv[2..]"
    else
        test "$words[1..$argv[1]]" = "$argv[2..]"
    end
end
{lines}
"""

_FISH_TAKES: Mapping[str, str] = {
    NOTHING: "",
    FILE: " -r -F",
    FOLDER: " -x -a '(__fish_complete_directories)'",
    VALUE: " -x",
}


def fish(nodes: Sequence[Node]) -> str:
    """The same for fish, which shows the help, too."""
    lines = [f"complete -c {PROGRAM} -f", *(f"complete -c {name} -w {PROGRAM}" for name in NAMES[1:])]
    lines += [f"complete -c {PROGRAM} {line}" for node in nodes for line in _fish_node(node)]
    return _FISH.format(program=PROGRAM, lines="\n".join(lines))


def _fish_node(node: Node) -> list[str]:
    depth = "group" if node.words else str(len(node.path))
    where = f"-n {_fish_quoted(' '.join(('__colonies_edge_at', depth, *node.path)))}"
    lines = [f"{where} -a {_fish_quoted(word)} -d {_fish_quoted(text)}" for word, text in node.words.items()]
    for option in node.options:
        spelt = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        takes = _FISH_TAKES[option.takes]
        if option.choices:
            takes = f" -x -a {_fish_quoted(' '.join(option.choices))}"
        lines.append(f"{where} {spelt}{takes} -d {_fish_quoted(option.help)}")
    return lines


def _fish_quoted(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def _joined(node: Node) -> str:
    return "".join(f" {word}" for word in node.path)


def _at(node: Node) -> str:
    return shlex.quote(_joined(node))


def _paths(nodes: Sequence[Node]) -> str:
    return "|".join(_at(node) for node in nodes if node.path)


def _flags(node: Node) -> str:
    return " ".join(name for option in node.options for name in option.names)


SCRIPTS: Mapping[str, Callable[[Sequence[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}

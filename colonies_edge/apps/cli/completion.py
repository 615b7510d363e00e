"""`completion`: scripts for bash, zsh and fish, written from the parser itself, so that they cannot lag behind it."""

from __future__ import annotations

from collections.abc import Callable

from colonies_edge.apps.cli.command import Command, Group
from colonies_edge.apps.cli.session import Session

_HOW = {
    "bash": "source it in ~/.bashrc: source <(colonies-edge completion bash)",
    "zsh": "put it as _colonies-edge into a folder of $fpath, or: source <(colonies-edge completion zsh)",
    "fish": "colonies-edge completion fish > ~/.config/fish/completions/colonies-edge.fish",
}


def _printer(shell: str) -> Callable[[Session], int]:
    def run(session: Session) -> int:
        from colonies_edge.apps.cli.completion_scripts import SCRIPTS
        from colonies_edge.apps.cli.completion_tree import tree

        script = SCRIPTS[shell](tree())
        if not session.shown_as_json({"shell": shell, "script": script}):
            session.console.text(script, end="")
        return 0

    return run


GROUP = Group(
    name="completion",
    help="scripts with which a shell completes commands and flags",
    commands=tuple(
        Command(name=shell, help=f"for {shell}; {how}", run=_printer(shell), connects=False)
        for shell, how in _HOW.items()
    ),
)

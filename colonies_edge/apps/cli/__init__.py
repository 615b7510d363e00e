"""The command line `colonies-edge`: one module per group of commands, loaded only when asked for."""

from colonies_edge.apps.cli.main import main

__all__ = ["main"]

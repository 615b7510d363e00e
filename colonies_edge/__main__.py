"""The way in, for the .pyz, the console script and `python -m colonies_edge`; knows the version, imports the rest."""

import sys

from colonies_edge import __version__


def main() -> int:
    if sys.argv[1:] == ["--version"]:  # asked by scripts and health checks on slow machines: answered before any import
        print(f"colonies-edge {__version__}")
        return 0
    from colonies_edge.apps.cli.main import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

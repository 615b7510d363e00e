"""The counters of a coordinator as Prometheus reads them, under the names that upstream gave them."""

from collections.abc import Mapping
from typing import Any

UNREACHABLE = -1
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_STATES = ("waiting", "running", "successful", "failed", "cancelled")
# Name of the gauge below `colonies_server_`, key of the reply to getstatisticsmsg, and what it says.
GAUGES: tuple[tuple[str, str, str], ...] = (
    ("colonies", "colonies", "Colonies of this server"),
    ("executors", "executors", "Executors of all colonies, without removed ones"),
    *((f"processes_{state}", f"{state}processes", f"Processes that are {state}") for state in _STATES),
    *((f"workflows_{state}", f"{state}workflows", f"Workflows that are {state}") for state in _STATES),
)


def page(statistics: Mapping[str, Any] | None) -> bytes:
    """The text of one scrape; None is a coordinator that cannot be reached."""
    lines = []
    for name, key, text in GAUGES:
        value = UNREACHABLE if statistics is None else int(statistics[key])
        gauge = f"colonies_server_{name}"
        lines.append(f"# HELP {gauge} {text}\n# TYPE {gauge} gauge\n{gauge} {value}\n")
    return "".join(lines).encode()

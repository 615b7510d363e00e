"""Numbers as Prometheus reads them: families of samples, and the text that a scrape gets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Number = int | float
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number; `suffix` is what a histogram's parts add to the name of the family."""

    value: Number
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Samples of one name."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    samples: tuple[Sample, ...]


def one(name: str, help: str, value: Number, kind: Literal["gauge", "counter"] = "gauge") -> Family:
    """A family of a single sample without labels."""
    return Family(name=name, kind=kind, help=help, samples=(Sample(value=value),))


def by_label(
    name: str, help: str, label: str, values: Mapping[str, Number], kind: Literal["gauge", "counter"] = "gauge"
) -> Family:
    """A family with one label."""
    samples = tuple(Sample(value=value, labels={label: key}) for key, value in values.items())
    return Family(name=name, kind=kind, help=help, samples=samples)


_STATES = ("waiting", "running", "successful", "failed", "cancelled")
# Upstream's gauges (protocol-rest.md 10.3): name below `colonies_server_`, key in the reply to getstatisticsmsg, and
# what it says. Cancelled ones are ours.
_UPSTREAM: tuple[tuple[str, str, str], ...] = (
    ("colonies", "colonies", "Colonies of this server"),
    ("executors", "executors", "Executors of all colonies, without removed ones"),
    *((f"processes_{state}", f"{state}processes", f"Processes that are {state}") for state in _STATES),
    *((f"workflows_{state}", f"{state}workflows", f"Workflows that are {state}") for state in _STATES),
)
UNREACHABLE = -1


def upstream(statistics: Mapping[str, int] | None) -> Iterator[Family]:
    """What upstream's monitor shows; None is a coordinator that cannot be reached."""
    for name, key, help in _UPSTREAM:
        yield one(f"colonies_server_{name}", help, UNREACHABLE if statistics is None else statistics[key])


class Histogram:
    """Observations, counted by upper bounds."""

    def __init__(self, *bounds: float) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, help: str) -> Family:
        return Family(name=name, kind="histogram", help=help, samples=tuple(self._samples()))

    def _samples(self) -> Iterator[Sample]:
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            yield Sample(value=total, labels={"le": _text(bound)}, suffix="_bucket")
        yield Sample(value=self._sum, suffix="_sum")
        yield Sample(value=total, suffix="_count")


def exposition(families: Iterable[Family]) -> bytes:
    """The body of a scrape's answer."""
    lines: list[str] = []
    for family in families:
        lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}")
        for sample in family.samples:
            labels = ",".join(f'{key}="{value.translate(_ESCAPED)}"' for key, value in sample.labels.items())
            shown = f"{{{labels}}}" if labels else ""
            lines.append(f"{family.name}{sample.suffix}{shown} {_text(sample.value)}")
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _text(value: Number) -> str:
    return "+Inf" if value == float("inf") else f"{value:.10g}" if isinstance(value, float) else str(value)

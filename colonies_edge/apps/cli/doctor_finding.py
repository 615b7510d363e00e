"""What a check of `doctor` brings: a sentence, a verdict, what to do, and sometimes how it is put right at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.table import Cell

if TYPE_CHECKING:
    from colonies_edge.apps.cli.session import Session

COORDINATOR = "coordinator"  # what the finding is about after which there is somebody to talk to
OK, WARNING, PROBLEM, FIXED = "ok", "warning", "problem", "fixed"
_TONES = {OK: "green", WARNING: "yellow", PROBLEM: "red", FIXED: "green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about one thing, and what to do if it is not well. `fix` does it, where nothing can be lost by it,
    and returns what it did; it may raise OSError."""

    about: str
    verdict: str
    sentence: str
    remedy: str = ""
    no_connection: bool = False
    fix: Callable[[], str] | None = None


# A check says what it sees; what it needs and does not get, an earlier check has said.
Check: TypeAlias = "Callable[[Session], AsyncIterator[Finding]]"


def as_json(finding: Finding) -> dict[str, str]:
    return {
        "about": finding.about,
        "verdict": finding.verdict,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Each with what to do, in the colour of its verdict; a line each, with the verdict, where nobody sees colours."""
    if console.style.width is None:
        for finding in findings:
            console.text(f"{finding.verdict}: {finding.about}: {_told(finding)}")
        return
    console.pairs(
        [
            (
                finding.about,
                Cell(_told(finding), _TONES[finding.verdict]),
            )
            for finding in findings
        ],
        "Findings",
    )


def _told(finding: Finding) -> str:
    return " ".join(finding.sentence.split()) + (f"; {finding.remedy}" if finding.remedy else "")

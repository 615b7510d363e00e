"""The progress bar: on a terminal only, never more than whole, gone when it is over."""

from __future__ import annotations

import io

import pytest

from colonies_edge.apps.cli.console import Console
from colonies_edge.apps.cli.fs_common import Bar, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_is_drawn_when_the_percentage_changes_and_no_more_often() -> None:
    err = Terminal()
    bar = Bar(Console(out=io.StringIO(), err=err), 1_000_000)
    for _ in range(2_000):
        bar(1_000)  # twice as much as there is: something was sent again
    bar.close()
    drawn = err.getvalue().split("\r")
    assert len(drawn) <= 103 and "100 %  976.6 KiB of 976.6 KiB" in drawn[-1]
    assert err.getvalue().endswith("\n") and "101 %" not in err.getvalue()


@pytest.mark.parametrize("options", [{"quiet": True}, {"as_json": True}])
def test_it_is_not_drawn_for_who_does_not_want_it(options: dict[str, bool]) -> None:
    err = Terminal()
    bar = Bar(Console(out=io.StringIO(), err=err, **options), 10)
    bar(5)
    bar.close()
    assert err.getvalue().strip() == ""


def test_it_is_not_drawn_where_nobody_looks() -> None:
    err = io.StringIO()
    bar = Bar(Console(out=io.StringIO(), err=err), 10)
    bar(10)
    bar.close()
    assert err.getvalue() == ""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes_read_well(count: int, text: str) -> None:
    assert size(count) == text

"""What tables look like, on a terminal and in a file."""

from __future__ import annotations

import pytest

from colonies_edge.apps.cli.table import Cell, Column, Style, cells_of, clean, cut, grid, pairs, wrap

TERMINAL = Style(unicode=True, width=80)


def test_a_list_on_a_terminal_has_rounded_corners_and_upper_case_headers() -> None:
    table = grid([Column("Name"), Column("Executors", right=True)], [["lab", "3"], ["field", "12"]], TERMINAL)
    assert table == (
        "╭───────┬───────────╮\n"
        "│ NAME  │ EXECUTORS │\n"
        "├───────┼───────────┤\n"
        "│ lab   │         3 │\n"
        "│ field │        12 │\n"
        "╰───────┴───────────╯"
    )


def test_the_same_list_in_a_file_is_plain_ascii() -> None:
    table = grid([Column("Name"), Column("Executors", right=True)], [["lab", "3"]], Style(), title="Colonies")
    assert table == (
        "+- Colonies -------+\n| NAME | EXECUTORS |\n+------+-----------+\n| lab  |         3 |\n+------+-----------+"
    )


def test_names_and_values_keep_the_order_they_were_given_in() -> None:
    table = pairs([("Waiting", "1"), ("Active", "2"), ("Zero", "0"), ("Errors", "a\nb")], TERMINAL, title="Colony")
    assert table == (
        "╭─ Colony ┬───╮\n"
        "│ Waiting │ 1 │\n"
        "│ Active  │ 2 │\n"
        "│ Zero    │ 0 │\n"
        "│ Errors  │ a │\n"
        "│         │ b │\n"
        "╰─────────┴───╯"
    )


def test_a_long_title_widens_the_table() -> None:
    assert (
        pairs([("a", "b")], TERMINAL, title="A long title")
        == "╭─ A long title ─╮\n│ a │ b          │\n╰───┴────────────╯"
    )


def test_colour_is_around_the_text_and_changes_no_widths() -> None:
    rows: list[list[str | Cell]] = [[Cell("failed", "red")], ["ok"]]
    plain = grid([Column("State")], rows, Style(unicode=True))
    coloured = grid([Column("State")], rows, Style(unicode=True, colour=True))
    assert "\x1b[31mfailed\x1b[0m" in coloured
    for code in ("0", "1", "2", "31"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    rows = [["resize", "in.png " * 20, "quality=80 " * 10], ["日本語" * 20, "x", "y"]]
    table = grid([Column("FuncName"), Column("Args"), Column("KwArgs")], rows, Style(unicode=True, width=width))
    assert {cells_of(line) for line in table.split("\n")} == {width}
    assert "…" in table


ID = "f" * 64
PROCESSES = [Column("Id", keep=True), Column("Func"), Column("Time", keep=True, drop=1), Column("Label", drop=2)]


def test_ids_are_never_cut_and_where_they_have_no_room_nothing_is_drawn_around_them() -> None:
    rows = [[ID, "word " * 30, "22:05:10", ""]]
    table = grid(PROCESSES, rows, Style(unicode=True, width=80))
    assert ID in table and {cells_of(line) for line in table.split("\n")} == {80}
    assert grid(PROCESSES, [[ID, "echo", "22:05:10", ""]], Style(unicode=True, width=60)) == f"{ID}  echo"


@pytest.mark.parametrize(("width", "shown"), [(80, "ID FUNC"), (90, "ID FUNC TIME"), (120, "ID FUNC TIME LABEL")])
def test_columns_give_way_in_the_order_that_they_say(width: int, shown: str) -> None:
    header = grid(PROCESSES, [[ID, "echo", "22:05:10", "x"]], Style(unicode=True, width=width)).split("\n")[1]
    assert header.replace("│", " ").split() == shown.split()


def test_a_column_with_nothing_in_it_gives_way_to_one_that_matters_less() -> None:
    columns = [Column("Name"), Column("KwArgs", drop=1), Column("Label", drop=2)]
    header = grid(columns, [["resize", "", "nightly"]], Style(unicode=True, width=22)).split("\n")[1]
    assert header.replace("│", " ").split() == ["NAME", "LABEL"]


def test_on_a_narrow_terminal_values_stand_below_their_names() -> None:
    items = [("COLONIES_PRVKEY (./.colonies-edge/devenv)", "is the key of somebody"), ("disk", "")]
    assert pairs(items, Style(unicode=True, width=60), title="Findings") == (
        "Findings\nCOLONIES_PRVKEY (./.colonies-edge/devenv)\n  is the key of somebody\ndisk"
    )


def test_long_values_go_on_in_the_next_line_and_nothing_is_lost() -> None:
    value = " ".join(f"word{number}" for number in range(40))
    table = pairs([("Output", value)], Style(unicode=True, width=50))
    assert max(cells_of(line) for line in table.split("\n")) <= 50
    assert " ".join(line.split("│")[2].strip() for line in table.split("\n")[1:-1]) == value


def test_in_a_file_nothing_is_cut() -> None:
    assert "x" * 500 in grid([Column("Args")], [["x" * 500]], Style())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("bell\x07", r"bell\x07"),
        ("back\b", r"back\x08"),
        ("two\nlines", "two lines"),
        ("tab\there", "tab    here"),
        ("\u202eevil", r"\u202eevil"),
        ("half \ud800", r"half \ud800"),
        ("naïve 日本 😀", "naïve 日本 😀"),
    ],
)
def test_text_of_strangers_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert clean(text, lines=False) == shown


def test_wide_characters_take_two_cells() -> None:
    assert cells_of("日本") == 4
    assert cells_of("e\u0301") == 1
    assert cut("日本語", 5, "…") == "日本…"
    assert cut("日本語", 4, "…") == "日…"


def test_wrapping_breaks_at_blanks_and_else_anywhere() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert wrap("日本語", 1) == ["日", "本", "語"]
    assert wrap("", 4) == [""]


def test_an_empty_table_is_still_a_table() -> None:
    assert grid([Column("Name")], [], Style()) == "+------+\n| NAME |\n+------+\n+------+"
    assert pairs([], Style()) == "+--+--+\n+--+--+"

"""At whatever exchange the card is torn, pulled or swapped, the person learns how it ended, and no card is harmed.

The tables are printed by `make interruptions`; each cell keeps the rules of `Scene.is_sound`.
"""

import pytest

from tests.drivers.reader.interrupted import OPERATIONS, Row, printed, table

KINDS = ("A", "B", "C", "D")
ONE_STEP = ("verify", "change", "unblock", "sign")
ADMINISTERED = "unblock by administrator"
WRITTEN = [
    (name, kind)
    for name, how in OPERATIONS.items()
    if how.kinds != "ABCD" and name != ADMINISTERED
    for kind in how.kinds
]
SOME = 4
"""Of the many exchanges by which a PKCS#15 card is written, so many share one test."""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_leaves_while_it_is_read_is_gone_and_nothing_else(kind: str) -> None:
    rows = await table(kind, "identify")
    assert {cell for row in rows for cell in row.cells} == {"gone"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", ONE_STEP)
async def test_only_the_command_itself_ends_unknown_and_what_comes_before_it_is_undone(
    kind: str, operation: str
) -> None:
    *before, last = await table(kind, operation)
    assert {cell for row in before for cell in row.cells} <= {"gone"}
    assert set(last.cells) == {"unknown"}


@pytest.mark.parametrize(("operation", "kind"), WRITTEN)
async def test_what_changes_a_card_in_steps_is_undone_before_the_first_and_unknown_from_then_on(
    operation: str, kind: str
) -> None:
    rows = await table(kind, operation, each=SOME if kind == "B" else 1)
    cells = [cell for row in rows for cell in row.cells]
    assert set(cells) == {"gone", "unknown"}
    assert set(rows[-1].cells) == {"unknown"}
    assert [row for row in rows if set(row.cells) == {"gone"}] == rows[: len(rows) - rows[::-1].index(last_gone(rows))]


def last_gone(rows: list[Row]) -> Row:
    return [row for row in rows if set(row.cells) == {"gone"}][-1]


async def test_unlocking_without_the_puk_is_unknown_where_an_answer_or_a_pin_is_under_way() -> None:
    """Between the two the card has changed nothing: it is gone, and so is what the answer allowed."""
    rows = await table("B", ADMINISTERED)
    for row in rows:
        under_way = row.command in ("EXTERNAL AUTHENTICATE", "RESET RETRY COUNTER")
        assert set(row.cells) == {"unknown" if under_way else "gone"}


def test_every_operation_has_a_table() -> None:
    assert set(OPERATIONS) == {"identify", ADMINISTERED, *ONE_STEP, *(name for name, _ in WRITTEN)}


async def test_the_table_names_the_command_of_each_exchange() -> None:
    text = printed("B", "unblock", await table("B", "unblock"))
    assert "RESET RETRY COUNTER" in text
    assert "swap after" in text

"""At whatever exchange the card is torn, pulled or swapped, the person learns how it ended, and no card is harmed.

The tables are printed by `make interruptions`; each cell keeps the rules of `Scene.is_sound`.
"""

import pytest

from tests.drivers.reader.interrupted import OPERATIONS, printed, table

KINDS = ("A", "B", "C", "D")
ONE_STEP = ("verify", "change", "unblock", "sign")


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


def test_every_operation_has_a_table() -> None:
    assert set(OPERATIONS) == {"identify", *ONE_STEP}


async def test_the_table_names_the_command_of_each_exchange() -> None:
    text = printed("B", "unblock", await table("B", "unblock"))
    assert "RESET RETRY COUNTER" in text
    assert "swap after" in text

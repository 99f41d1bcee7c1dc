"""Cards that somebody else made, drawn at random: every operation has a named outcome, and the card's counters agree."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, note, settings

from drivers.reader.card_reader import visiting
from drivers.reader.outcomes import RefusalReason, Refused, Role
from tests.fakes.cards.foreign import CASES, Act, Case, Counter, Step

SLICE = 300
IDENTIFICATION, SIGNATURE = Role.IDENTIFICATION, Role.SIGNATURE


def steps(*acts: Act, role: Role = IDENTIFICATION, entry: str = "right") -> tuple[Step, ...]:
    return tuple(Step(act, role, entry, consented=True) for act in acts)


@pytest.mark.parametrize(
    ("case", "outcomes"),
    [
        (
            Case("C", ("counts-630x",), described, (*steps("verify", entry="wrong"), *steps("verify", "verify"))),
            ["WrongCode", "Accepted", "Accepted"],
        )
        for described in (True, False)
    ]
    + [
        (Case(kind, ("one-code-mf",), described, steps("verify", "sign", "change", "verify", "sign")),
         ["Accepted", "Signed"] + ["Accepted"] * 2 + ["Signed"])
        for kind in "AB" for described in (True, False)
    ]
    + [
        (Case("B", ("idle-second-pin",), False, (*steps("verify", "sign", role=SIGNATURE), *steps("verify"))),
         ["Accepted", "Refused", "Accepted"]),
        (Case("B", ("must-change",), True, steps("verify", "sign", "change", "verify", "sign")),
         ["Accepted", "Refused", "Accepted", "Accepted", "Signed"]),
        (Case("B", ("counter-object", "verify-puk-then-new", "silent-counters"), True, steps("unblock", "verify", "sign")),
         ["Accepted", "Accepted", "Signed"]),
        (Case("B", ("puk-only", "reference-80", "pads-00", "puk-16"), True, steps("unblock", "verify", "change")),
         ["Accepted"] * 3),
    ],
    ids=lambda value: "+".join((value.kind, *value.traits)) if isinstance(value, Case) else "",
)  # fmt: skip
def test_what_single_products_do_is_understood(case: Case, outcomes: list[str]) -> None:
    assert asyncio.run(Counter(case).run()) == outcomes


def test_no_key_is_made_for_a_code_that_no_file_can_name() -> None:
    async def look() -> None:
        counter = Counter(Case("B", ("reference-80-told",), True, ()))
        async with visiting(counter.reader) as visit:
            assert await visit.places("identification") == ()
            assert await visit.generate_key("45", "EC-P256") == Refused(RefusalReason.NOT_ALLOWED)
        await counter.reader.close()

    asyncio.run(look())


@settings(max_examples=SLICE, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(CASES)
def test_whatever_a_foreign_card_is_like_each_outcome_is_true(case: Case) -> None:
    note(repr(case))
    asyncio.run(Counter(case).run())

"""Claim codes: one use, a time, five wrong tries."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.claim import ALPHABET, MAX_WRONG, Claim, ClaimRefused, check, id_of, make_claim

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def made() -> tuple[str, Claim]:
    return make_claim("entre-a", NOW, valid_hours=24)


def wrong(code: str) -> str:
    """The same claim, another secret."""
    return code[:-1] + next(sign for sign in ALPHABET if sign != code[-1])


def tried(claim: Claim | None, code: str, now: datetime = LATER) -> tuple[Claim, bool]:
    kept, opened = check(claim, code, now)
    assert kept is not None
    return kept, opened


def test_a_code_is_four_groups_that_nobody_misreads() -> None:
    code, claim = made()
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert not set(code) & set("ILOU")
    assert id_of(code) == claim.id


def test_the_right_code_opens_once() -> None:
    code, claim = made()
    claim, opened = tried(claim, code)
    assert opened
    assert claim.state(LATER) == "used"
    claim, opened = tried(claim, code)
    assert not opened


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}\n"])
def test_it_may_be_typed_as_people_type(typed: object) -> None:
    code, claim = made()
    assert callable(typed)
    assert tried(claim, typed(code))[1]


def test_look_alikes_count_as_the_digits_they_look_like() -> None:
    code, claim = made()
    while "0" not in code and "1" not in code:
        code, claim = made()
    assert tried(claim, code.replace("0", "O").replace("1", "l"))[1]


def test_five_wrong_tries_end_it_even_for_the_right_code() -> None:
    code, claim = made()
    for _ in range(MAX_WRONG):
        assert claim.state(LATER) == "open"
        claim, opened = tried(claim, wrong(code))
        assert not opened
    assert claim.state(LATER) == "void"
    assert not tried(claim, code)[1]


def test_four_wrong_tries_do_not() -> None:
    code, claim = made()
    for _ in range(MAX_WRONG - 1):
        claim, _ = tried(claim, wrong(code))
    assert tried(claim, code)[1]


def test_it_ends_with_its_time() -> None:
    code, claim = made()
    assert not tried(claim, code, NOW + timedelta(hours=24))[1]
    assert tried(claim, code, NOW + timedelta(hours=24, seconds=-1))[1]


def test_a_code_of_no_claim_opens_nothing() -> None:
    code, _ = made()
    assert check(None, code, LATER) == (None, False)


@pytest.mark.parametrize("code", ["", "ABCD", "ABCD-EFGH-JKMN-PQR", "ABCD-EFGH-JKMN-PQR!", "U" * 16])
def test_what_is_no_code_is_refused_and_not_repeated(code: str) -> None:
    with pytest.raises(ClaimRefused, match="4 groups of 4") as refused:
        check(None, code, LATER)
    assert not code or code not in str(refused.value)


def test_the_authority_keeps_no_code() -> None:
    code, claim = made()
    assert code.replace("-", "")[4:] not in repr(claim)
    assert code[5:] not in repr(claim)

"""What each code of a card is for: by the keys that it guards, then by label, scope and order; never two for identification."""

from dataclasses import replace

import pytest

from drivers.reader.outcomes import Role
from drivers.reader.pin.code_roles import PIN, as_described, assign_roles
from drivers.reader.pin.try_counter import ledger_key_of
from drivers.reader.pkcs15.values import CodeFlag, CodeObject, KeyObject
from drivers.reader.profiles import builtin

LOG_IN, DECRYPT, SIGN = frozenset({2}), frozenset({1, 5}), frozenset({9})
ID, SIGNATURE, PUK = "identification", "signature", "puk"


def pin(number: int, label: str = "PIN", *flags: CodeFlag) -> CodeObject:
    return replace(PIN, auth_id=bytes((number,)), label=label, reference=number, flags=frozenset(flags))


def key(guard: int, usage: frozenset[int]) -> KeyObject:
    return KeyObject(bytes((0x40 + guard,)), "", bytes((guard,)), usage, 1, b"", elliptic=False)


def roles(codes: list[CodeObject], keys: list[KeyObject]) -> list[str | None]:
    given = {own.code.auth_id: own.role.value for own in assign_roles(codes, keys)}
    return [given.get(code.auth_id) for code in codes]


@pytest.mark.parametrize(
    ("codes", "keys", "expected"),
    [
        ([pin(1)], [], [ID]),
        ([pin(1)], [key(1, LOG_IN), key(1, SIGN)], [ID]),
        ([pin(1)], [key(1, SIGN)], [SIGNATURE]),
        (
            [pin(1, "PUK", CodeFlag.UNBLOCKING), pin(2, "SO", CodeFlag.SO)],
            [key(1, LOG_IN), key(2, LOG_IN)],
            [PUK, None],
        ),
        ([pin(1), pin(2)], [key(1, LOG_IN), key(2, SIGN)], [ID, SIGNATURE]),
        ([pin(1), pin(2)], [key(2, LOG_IN), key(1, SIGN)], [SIGNATURE, ID]),
        ([pin(1), pin(2)], [key(1, LOG_IN)], [ID, SIGNATURE]),
        ([pin(1), pin(2)], [key(2, LOG_IN)], [SIGNATURE, ID]),
        ([pin(1), pin(2)], [key(1, LOG_IN), key(2, DECRYPT)], [ID, SIGNATURE]),
        ([pin(1), pin(2)], [], [ID, SIGNATURE]),
        ([pin(1, "PIN för underskrift"), pin(2, "PIN")], [], [SIGNATURE, ID]),
        ([pin(1, "Signature PIN"), pin(2, "PIN")], [key(1, LOG_IN)], [ID, SIGNATURE]),
        ([pin(1, "PIN", CodeFlag.LOCAL), pin(2)], [], [SIGNATURE, ID]),
        ([pin(1), pin(2), pin(3)], [key(1, LOG_IN), key(2, SIGN)], [ID, SIGNATURE, None]),
        ([pin(1), pin(2), pin(3)], [], [ID, SIGNATURE, None]),
    ],
)
def test_what_a_code_is_for(codes: list[CodeObject], keys: list[KeyObject], expected: list[str | None]) -> None:
    assert roles(codes, keys) == expected


def test_puks_that_are_not_listed_are_counted_apart_where_no_reference_is_common_to_them() -> None:
    owned = assign_roles([pin(1), pin(2)], [])
    profile = builtin().match_name("virtual-b")
    apart = as_described(owned, profile)
    assert len({ledger_key_of(own.code) for own in apart}) == len(apart) == 4
    assert [own.code.puk_id for own in apart[:2]] == [own.code.auth_id for own in apart[2:]]
    named = profile.model_copy(update={"puk": profile.puk.model_copy(update={"reference": 0x83})})
    common = as_described(owned, named)
    assert [own.role for own in common] == [Role.IDENTIFICATION, Role.SIGNATURE, Role.PUK]
    assert {own.code.puk_id for own in common[:2]} == {common[2].code.auth_id}
    assert common[2].code.reference == 0x83


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("at_mf", [True, False])
def test_a_puk_is_verified_at_the_mf_where_the_profile_says_so_and_else_where_the_card_does(
    listed: bool, at_mf: bool
) -> None:
    where = {"path": b"\x3f\x00\x50\x16", "flags": frozenset({CodeFlag.LOCAL, CodeFlag.NEEDS_PADDING})}
    own = [replace(pin(1), **where)]
    if listed:
        puk = replace(pin(2, "PUK"), **where)
        own.append(replace(puk, flags=puk.flags | {CodeFlag.UNBLOCKING}))
    profile = builtin().match_name("virtual-b")
    profile = profile.model_copy(update={"puk": profile.puk.model_copy(update={"at_mf": at_mf})})
    first, puk_of_card = (each.code for each in as_described(assign_roles(own, []), profile))
    assert puk_of_card.path == (b"\x3f\x00" if at_mf else where["path"])
    assert puk_of_card.has(CodeFlag.LOCAL) is not at_mf
    assert puk_of_card.has(CodeFlag.NEEDS_PADDING)
    assert puk_of_card.has(CodeFlag.UNBLOCKING)
    assert (first.path, first.flags) == (where["path"], where["flags"]), "the PIN stays where it is"


def test_a_puk_that_is_not_listed_is_as_its_pin_but_for_what_the_profile_says() -> None:
    profile = builtin().match_name("virtual-b")
    rules = profile.puk.model_copy(update={"min_length": 7, "max_length": 8, "stored_length": None, "reference": 0x82})
    listed = replace(pin(1), stored_length=12, path=b"\x3f\x00\x50\x15", pad=0x20)
    own = as_described(assign_roles([listed], []), profile.model_copy(update={"puk": rules}))[1]
    assert own.role is Role.PUK
    assert own.code == replace(
        listed, label="PUK", flags=frozenset({CodeFlag.UNBLOCKING, CodeFlag.INITIALIZED}), min_length=7, max_length=8,
        reference=0x82,
    )  # fmt: skip
    assert (PIN.min_length, PIN.stored_length, PIN.max_length, PIN.reference) == (6, 8, 8, 1)

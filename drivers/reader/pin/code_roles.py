"""Roles of a card's codes, and the PUK of a card that lists none. Pure: codes, keys and profile in, codes with roles out.

>>> [own.role.value for own in assign_roles((PIN, replace(PIN, auth_id=b"2")), ())]
['identification', 'signature']
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from drivers.reader.iso7816 import MF, Alphabet
from drivers.reader.outcomes import Role
from drivers.reader.pkcs15.values import NON_REPUDIATION, CodeFlag, CodeObject, KeyObject
from drivers.reader.profiles import Profile, PukRules

_SIGNS = re.compile("sign|underskr|unterschr|allekirj|qes|non.?rep", re.IGNORECASE)
"""In the label of a PIN for signatures."""
PIN = CodeObject(b"1", "PIN", b"", frozenset(), Alphabet.ASCII_NUMERIC, 6, 8, 8, 1, None, b"")
"""An example."""


@dataclass(frozen=True, slots=True)
class CodeWithRole:
    """A code of the card and what it is for."""

    code: CodeObject
    role: Role


def assign_roles(codes: Iterable[CodeObject], keys: Sequence[KeyObject]) -> tuple[CodeWithRole, ...]:
    """Return each code with what it is for: by the keys that it guards; of PINs that guard none by label, scope and order.

    A second PIN is never one for identification too: who types the code of one would spend a try of the other. PINs beyond
    these that guard no key are left out, and so is a security officer's.
    """
    listed = tuple(codes)
    pins = [code for code in listed if not code.has(CodeFlag.UNBLOCKING) and not code.has(CodeFlag.SO)]
    signing = [pin for pin in pins if _signs_only(pin, keys)] or _likely_signing(pins, keys)
    rest = [pin for pin in pins if pin not in signing]
    identifying = [pin for pin in rest if _guarded(pin, keys)] or rest[:1]

    def roles() -> Iterable[CodeWithRole]:
        for code in listed:
            if code.has(CodeFlag.UNBLOCKING):
                yield CodeWithRole(code, Role.PUK)
            elif code in signing:
                yield CodeWithRole(code, Role.SIGNATURE)
            elif code in identifying:
                yield CodeWithRole(code, Role.IDENTIFICATION)

    return tuple(roles())


def _guarded(pin: CodeObject, keys: Sequence[KeyObject]) -> list[KeyObject]:
    return [key for key in keys if key.auth_id == pin.auth_id]


def _signs_only(pin: CodeObject, keys: Sequence[KeyObject]) -> bool:
    guarded = _guarded(pin, keys)
    return bool(guarded) and all(NON_REPUDIATION in key.usage for key in guarded)


def _likely_signing(pins: Sequence[CodeObject], keys: Sequence[KeyObject]) -> list[CodeObject]:
    """Of two PINs or more of which none guards signature keys alone: the one that is for signatures, and none of one PIN."""
    if len(pins) < 2:
        return []
    idle = [pin for pin in pins if not _guarded(pin, keys)]
    candidates = idle if 0 < len(idle) < len(pins) else list(pins)
    local = [pin for pin in candidates if pin.has(CodeFlag.LOCAL)]
    labelled = [pin for pin in candidates if _SIGNS.search(pin.label)]
    by_scope = local if len(local) < len(candidates) else []
    by_order = candidates if candidates is idle else candidates[1:]
    return (labelled or by_scope or by_order)[:1]


def as_described(listed: Iterable[CodeWithRole], profile: Profile) -> tuple[CodeWithRole, ...]:
    """The codes as the profile describes them; with a PUK that the card does not list, where the product is unlocked.

    A PUK without a reference is known within RESET RETRY COUNTER alone: each PIN then has its own, and a count of its own.
    """
    owned = tuple(_corrected(own, profile) for own in listed)
    if any(own.role is Role.PUK for own in owned):
        return owned
    if profile.commands.unblock == "none":
        return owned
    codes = [own.code for own in owned]
    guards = codes if profile.puk.reference is None else codes[:1]
    linked = (replace(own.code, puk_id=(own.code if own.code in guards else guards[0]).auth_id) for own in owned)
    pins = (CodeWithRole(code, own.role) for code, own in zip(linked, owned, strict=True))
    return (*pins, *(CodeWithRole(_unlisted_puk(pin, profile.puk), Role.PUK) for pin in guards))


def _corrected(own: CodeWithRole, profile: Profile) -> CodeWithRole:
    own_length = profile.puk.stored_length if own.role is Role.PUK else None
    reference = own.code.reference | profile.commands.reference_or
    code = replace(own.code, reference=reference, stored_length=own_length or own.code.stored_length)
    if own.role is Role.PUK and profile.puk.at_mf:
        code = replace(code, path=MF, flags=code.flags - {CodeFlag.LOCAL})
    return replace(own, code=code)


def _unlisted_puk(pin: CodeObject, puk: PukRules) -> CodeObject:
    """As the PIN that it unlocks, but for what the profile says."""
    kept = pin.flags & ({CodeFlag.NEEDS_PADDING} if puk.at_mf else {CodeFlag.LOCAL, CodeFlag.NEEDS_PADDING})
    return replace(
        pin, label="PUK", puk_id=b"", path=MF if puk.at_mf else pin.path,
        flags=kept | {CodeFlag.UNBLOCKING, CodeFlag.INITIALIZED},
        min_length=puk.min_length, max_length=puk.max_length, stored_length=puk.stored_length or pin.stored_length,
        reference=puk.reference or 0, has_reference=puk.reference is not None,
    )  # fmt: skip

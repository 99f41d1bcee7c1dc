"""Random variations of an odd card, drawn from a seed: the same seed draws the same oddity.

Everything here is allowed by ISO/IEC 7816-4 and 7816-15; clauses are named where the freedom comes from.
"""

import random
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from sim.reader.odd.form import CodeForm, PasswordType
from sim.reader.pkcs15_files import AID

Entry = Literal["path", "aid", "absent"]
Parameters = Literal["fcp", "fci", "bare", "none"]
Filler = Literal["none", "zeros", "ones"]
CertificateValue = Literal["file", "slice", "direct", "direct-explicit"]


class DirectoryChoices(IntEnum):
    """Choices of the ODF (ISO/IEC 7816-15 8.3)."""

    PRIVATE_KEYS = 0
    PUBLIC_KEYS = 1
    CERTIFICATES = 4
    DATA = 7
    CODES = 8


@dataclass(frozen=True, slots=True)
class Oddity:
    """Variations of one card. Everything that is not named is as on a card of kind B."""

    df: tuple[int, ...]
    """File identifiers of the application's DF, from below the MF."""
    aid: bytes
    entry: Entry
    """Whether EF.DIR gives a path beside the AID (7816-4 8.2.2.1); absent: there is no EF.DIR."""
    decoy: bool
    """Another application stands before it in EF.DIR, and has a DF without an ODF."""
    first_file: int
    """Directory files are numbered from here; EF(ODF) and EF(TokenInfo) keep their numbers."""
    records: bool
    """EF.DIR and directory files have records, one object each (7816-15 8.1)."""
    absolute: bool
    """Paths begin at the MF, else at the application (7816-15 8.2.5)."""
    parameters: Parameters
    """What SELECT tells: all in `62`, all in `6F`, no sizes, nothing (7816-4 7.4)."""
    path_select: bool
    """SELECT by path is there; else one file identifier at a time."""
    warns_at_end: bool
    """READ BINARY beyond the end answers what there is with 6282 (7816-4 11.3.3)."""
    filler: Filler
    gaps: bool
    """Bytes of 00 before and between the objects too."""
    inline: frozenset[DirectoryChoices]
    """Objects that stand in the ODF itself, not in a file (7816-15 8.3, PathOrObjects)."""
    order: tuple[DirectoryChoices, ...]
    split: bool
    """Each certificate has a directory file of its own."""
    certificate: CertificateValue
    """In a file; in a part of one file, by index and length; inside the entry, by either kind of tagging."""
    labels: bool
    puk_first: bool
    key_ids: tuple[bytes, bytes]
    auth_ids: tuple[bytes, bytes]
    references: tuple[int, int]
    """P2 of PIN and PUK."""
    negative: bool
    """A reference above 7F is written as a negative number."""
    local: bool
    """The PIN is the application's: its reference means nothing elsewhere."""
    form: CodeForm
    with_max: bool
    with_path: bool
    with_serial: bool
    with_names: bool
    version: Literal[0, 1]


def draw(seed: int) -> Oddity:
    """The oddity of that seed."""
    dice = random.Random(seed)  # noqa: S311 - made-up cards
    entry: Entry = dice.choice(("path", "path", "aid", "absent"))
    own_aid = (
        AID if entry in ("aid", "absent") or dice.random() < 0.5 else bytes.fromhex("F0999900") + dice.randbytes(4)
    )
    form = _form(dice)
    records = dice.random() < 0.3
    values: tuple[CertificateValue, ...] = (
        ("file", "slice") if records else ("file", "slice", "direct", "direct-explicit")
    )
    directories = [d for d in DirectoryChoices if d is not DirectoryChoices.DATA or dice.random() < 0.3]
    dice.shuffle(directories)
    return Oddity(
        df=_df(dice),
        aid=own_aid,
        entry=entry,
        decoy=dice.random() < 0.3,
        first_file=dice.choice((0x4401, 0x5001, 0x0010, 0x7F10, 0xA001)),
        records=records,
        absolute=dice.random() < 0.6,
        parameters=dice.choice(("fcp", "fcp", "fci", "bare", "none")),
        path_select=dice.random() < 0.7,
        warns_at_end=dice.random() < 0.3,
        filler=dice.choice(("none", "zeros", "ones")),
        gaps=dice.random() < 0.2,
        inline=frozenset(d for d in (DirectoryChoices.CODES, DirectoryChoices.PRIVATE_KEYS) if dice.random() < 0.2),
        order=tuple(directories),
        split=dice.random() < 0.3,
        certificate=dice.choice(values),
        labels=dice.random() < 0.7,
        puk_first=dice.random() < 0.3,
        key_ids=_two(dice, (1, 2, 20)),
        auth_ids=_two(dice, (1, 1, 4)),
        references=dice.choice(((1, 2), (0, 4), (0x11, 0x12), (0x81, 0x82), (0x83, 0x91))),
        negative=dice.random() < 0.5,
        local=dice.random() < 0.5,
        form=form,
        with_max=not form.padded or dice.random() < 0.7,
        with_path=dice.random() < 0.7,
        with_serial=dice.random() < 0.8,
        with_names=dice.random() < 0.7,
        version=dice.choice((0, 1)),
    )


def _df(dice: random.Random) -> tuple[int, ...]:
    return dice.choice(((0x5015,), (0x5015,), (0x5000,), (0xDF01,), (0x4A00, 0x5015), (0x7F00, 0x7F01)))


def _two(dice: random.Random, sizes: tuple[int, ...]) -> tuple[bytes, bytes]:
    """Two identifiers of one length, never alike."""
    size = dice.choice(sizes)
    first = dice.randbytes(size)
    return first, first[:-1] + bytes([first[-1] ^ dice.randrange(1, 256)])


def _form(dice: random.Random) -> CodeForm:
    kind = dice.choice(tuple(PasswordType))
    if kind is PasswordType.ISO_9564_1:
        return CodeForm(kind, 8, padded=True)
    padded = kind is PasswordType.BCD or dice.random() < 0.7
    pads = (0xFF, 0x00) if kind in (PasswordType.ASCII, PasswordType.UTF8) else (0xFF,)
    return CodeForm(kind, dice.choice((8, 12, 16)) if padded else 0, padded=padded, pad=dice.choice(pads))

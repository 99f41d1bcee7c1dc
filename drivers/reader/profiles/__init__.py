"""What card products do differently, as data: one TOML file for each product, and the only place that loads them.

`builtin` gives the products that ship with the program; `parse` reads one file. The highest profile that matches a
card is its profile; `pkcs15.toml` matches every PKCS#15 card and promises little: tries are not asked for, and nothing
is unblocked.

>>> builtin().match(CardSigns(label="made up"), "pkcs15").name
'pkcs15'
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.reader.new_code_rules import EASY, NewCodeRule
from drivers.reader.outcomes import Role

Counter = Literal["empty-verify", "df21", "metadata", "none"]
"""How tries are read: a VERIFY without Lc (only where that is known to be safe), GET DATA for DF21, GET METADATA of a
PIV token, or not at all."""
UnblockVariant = Literal["puk-and-new", "puk", "verify-then-new", "verify-then-reset", "none"]
"""P1 of RESET RETRY COUNTER (ISO/IEC 7816-4 11.6.10): 00 PUK and new code; 01 PUK only, the code stays; 02 new code, and
03 nothing, each after a VERIFY of the PUK."""
Who = Literal["holder", "administrator", "nobody"]
Charset = Literal["digits", "ascii"]


class ProfileError(ValueError):
    """A profile file that cannot be used; the text says which file, key and reason."""


def _hex(text: str) -> str:
    bytes.fromhex(text)
    return text.upper()


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as fault:  # not a ValueError, which is all that the validation understands
        raise ValueError(f"not a regular expression: {fault}") from fault
    return text


Hex = Annotated[str, AfterValidator(_hex)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AtrMask(_Table):
    """An ATR and which of its bits count; without a mask all of them do."""

    value: Hex
    mask: Hex = ""

    def fits(self, atr: bytes) -> bool:
        """Does that ATR match?"""
        value = bytes.fromhex(self.value)
        mask = bytes.fromhex(self.mask) or b"\xff" * len(value)
        return len(value) == len(atr) and all(v & m == a & m for v, m, a in zip(value, mask, atr, strict=False))


class Match(_Table):
    """Which cards the profile is for: every key that is given must fit; ATR and AID by any one of their list."""

    atr: tuple[AtrMask, ...] = ()
    aid: tuple[Hex, ...] = ()
    label: Pattern = ""
    manufacturer: Pattern = ""


class CodeRules(_Table):
    """Rules of a PIN or PUK. Lengths in characters; `tries` is where the counter starts."""

    min_length: int = Field(ge=1, le=32)
    max_length: int = Field(ge=1, le=32)
    charset: Charset = "digits"
    tries: int = Field(ge=1, le=15)


class PinRules(CodeRules):
    """`forbidden`: what a new PIN may not be, see `drivers.reader.new_code_rules`."""

    forbidden: tuple[NewCodeRule, ...] = EASY


class PukRules(CodeRules):
    """`floor`: a PUK goes to the card only while at least so many tries remain (reliability I1)."""

    floor: int = Field(ge=2)

    @model_validator(mode="after")
    def _floor_is_safe(self) -> "PukRules":
        if self.floor < (3 if self.tries >= 5 else 2):
            raise ValueError("the floor is 3 where the counter starts at 5 or more, else 2")
        return self


class Commands(_Table):
    """How this product wants its commands."""

    counter: Counter = "none"
    counter_of_puk: Counter = "none"
    pad: int | None = Field(default=None, ge=0, le=255)
    """Pad every code with this byte to its stored length, whatever the card's own description says."""
    unblock: UnblockVariant = "none"
    file_enters_its_df: bool = False
    """A SELECT of a file by path makes its DF the current one (ISO/IEC 7816-4 7.3.2), as is known of this product. Else a
    DF is selected again before a local code goes out."""


class Unblocking(_Table):
    """Who may unlock a locked PIN of this product."""

    by: Who = "nobody"


class CertificateRules(_Table):
    """`card_number`: `extension:OID`, `subject:NAME` (X.520 short name) or `token:serial`."""

    card_number: str = Field(default="token:serial", pattern=r"^(extension:\d+(\.\d+)+|subject:\w+|token:serial)$")
    loa: dict[Oid, int] = {}
    """Level of assurance by certificatePolicies identifier."""


class Signing(_Table):
    """`template`: what MANAGE SECURITY ENVIRONMENT gets (7816-4 table 78): 80 algorithm, 81 file, 84 key."""

    template: tuple[Literal["algorithm", "file", "key"], ...] = ("algorithm", "key")
    rsa: int = Field(default=0x02, ge=0, le=255)
    """Algorithm reference for RSA over a DigestInfo that the card pads (PKCS#1 v1.5)."""
    padding: Literal["pkcs1", "pss"] = "pkcs1"
    """`pss`: `rsa` is the algorithm that pads a bare SHA-256 by RSASSA-PSS (RFC 8017 8.1), for cards without the other."""
    ecdsa: int = Field(default=0x04, ge=0, le=255)
    identification: Literal["pso", "internal-authenticate"] = "pso"


class PivRules(_Table):
    """How a PIV application is read, beyond what SP 800-73-4 says of all of them."""

    discovery: bool = True
    """Ask for the discovery object; where it is known to be missing or constant, that is an exchange saved."""
    serial: Literal["chuid", "token"] = "chuid"
    """What the serial is: GUID of the CHUID, or what GET SERIAL (INS F8) of a token says."""
    metadata: bool = False
    """GET METADATA (INS F7) tells public key and policy of a slot."""
    extended_length: bool = False
    """Extended APDUs over T=1 even where the ATR does not offer them."""


class Profile(_Table):
    """One card product."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: str
    kind: Literal["pkcs15", "piv"] = "pkcs15"
    rank: int = 0
    """The highest that matches wins."""
    match: Match = Match()
    pin: PinRules
    puk: PukRules
    commands: Commands = Commands()
    unblocking: Unblocking = Unblocking()
    one_code: bool = False
    """One code may serve identification and signature."""
    certificates: CertificateRules = CertificateRules()
    signing: Signing = Signing()
    piv: PivRules = PivRules()

    def rules(self, role: Role) -> CodeRules:
        """The rules of the code with that role."""
        return self.puk if role is Role.PUK else self.pin

    def counter(self, role: Role) -> Counter:
        """How the tries of the code with that role are read."""
        return self.commands.counter_of_puk if role is Role.PUK else self.commands.counter


@dataclass(frozen=True, slots=True)
class CardSigns:
    """What a profile is recognised by."""

    atr: bytes = b""
    aid: bytes = b""
    label: str = ""
    manufacturer: str = ""


class Profiles:
    """A set of profiles, looked through from the highest rank down."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._profiles = tuple(sorted(profiles, key=lambda profile: -profile.rank))

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles)

    def match(self, signs: CardSigns, kind: str) -> Profile | None:
        """The profile of a card of that kind, None where none fits."""
        fitting = (p for p in self._profiles if p.kind == kind and _fits(p.match, signs))
        return next(fitting, None)

    def match_name(self, name: str) -> Profile:
        """The profile of that name. Raises KeyError."""
        for profile in self._profiles:
            if profile.name == name:
                return profile
        raise KeyError(name)

    def aids(self, kind: str) -> tuple[bytes, ...]:
        """Every AID that a profile of that kind names."""
        ours = (p for p in self._profiles if p.kind == kind)
        return tuple(dict.fromkeys(bytes.fromhex(aid) for p in ours for aid in p.match.aid))


def _fits(match: Match, signs: CardSigns) -> bool:
    return (
        (not match.atr or any(mask.fits(signs.atr) for mask in match.atr))
        and (not match.aid or any(signs.aid.startswith(bytes.fromhex(aid)) for aid in match.aid))
        and re.search(match.label, signs.label) is not None
        and re.search(match.manufacturer, signs.manufacturer) is not None
    )


def parse(text: str, name: str) -> Profile:
    """One profile file. Raises ProfileError with file, key and reason."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except ValueError as fault:  # TOMLDecodeError and ValidationError both are
        raise ProfileError(f"{name}: {fault}") from fault


@cache
def builtin() -> Profiles:
    """The profiles that ship with the program."""
    files = [f for f in resources.files(__name__).iterdir() if f.name.endswith(".toml")]
    return Profiles(parse(f.read_text("utf-8"), f.name) for f in sorted(files, key=lambda f: f.name))

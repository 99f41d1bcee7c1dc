"""Schema of a product profile: its tables and keys, and what each may hold. `drivers.reader.profiles` reads them from TOML.

>>> PukRules(min_length=8, max_length=8, tries=10, floor=3).floor
3
"""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.reader.keys import ChallengeDigits, ManagementAlgorithm
from drivers.reader.model import FirstCode, ProvedGenuine
from drivers.reader.outcomes import Role
from drivers.reader.pin.new_code_rules import DEFAULT_RULES, NewCodeRule
from drivers.reader.profiles.evidence import Evidence, unverified_keys
from drivers.reader.transport.atr import family_mask

Counter = Literal["empty-verify", "df21", "ias-ecc", "metadata", "none"]
"""How tries are read: a VERIFY without Lc (only where that is known to be safe), GET DATA for DF21 or for the
object of a code of IAS ECC, GET METADATA of a PIV token, or not at all."""
UnblockVariant = Literal["puk-and-new", "puk", "verify-then-new", "verify-then-reset", "none"]
"""P1 of RESET RETRY COUNTER (ISO/IEC 7816-4 11.6.10): 00 PUK and new code; 01 PUK only, the code stays; 02 new code, and
03 nothing, each after a VERIFY of the PUK."""
Administered = Literal["external-authenticate", "none"]
"""How a PIN is unlocked without its PUK: GET CHALLENGE, EXTERNAL AUTHENTICATE with the administrative key, RESET RETRY COUNTER
with a new code (ISO/IEC 7816-4); or not at all."""
Proved = Literal["none", "standard", "trace", "card"]
"""What the product's own values were tried on: nothing (they were read in somebody's program); they are the standard's and the
card's own description; a recorded exchange; a card."""
Who = Literal["holder", "administrator", "printed", "nobody"]
"""`printed`: the chip does not tell; the product code that is printed on the card does, by the region's rules."""
Charset = Literal["digits", "ascii"]


def _hex(text: str) -> str:
    bytes.fromhex(text)
    return text.upper()


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as fault:  # not a ValueError, which is all that the validation understands
        raise ValueError(f"not a regular expression: {fault}") from fault
    return text


RetiredPlace = Annotated[str, Field(pattern=r"^(8[2-9a-f]|9[0-5])$")]
"""Key reference of a retired key (SP 800-73-4 part 1, table 4b), as lower-case hex."""
Hex = Annotated[str, AfterValidator(_hex)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]


def least_floor(tries: int) -> int:
    """So many tries must remain of a PUK, or of a key, that starts with that many (reliability I1)."""
    return 3 if tries >= 5 else 2


class _ProfileTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AtrMask(_ProfileTable):
    """An ATR and which of its bits count; without a mask all of them do. `family`: those that count for another card of the
    same family; without it, and without a mask, all but version and check byte (`family_mask`)."""

    value: Hex
    mask: Hex = ""
    family: Hex = ""

    @model_validator(mode="after")
    def _as_long(self) -> "AtrMask":
        if any(mask and len(mask) != len(self.value) for mask in (self.mask, self.family)):
            raise ValueError("value and mask are not of one length")
        return self

    @property
    def weight(self) -> int:
        """Number of bits that count at least."""
        return min(int.from_bytes(self._bits(family=family)).bit_count() for family in (False, True))

    def fits(self, atr: bytes, *, family: bool = False) -> bool:
        """Does that ATR match?"""
        value, mask = bytes.fromhex(self.value), self._bits(family=family)
        return len(value) == len(atr) and all(v & m == a & m for v, m, a in zip(value, mask, atr, strict=False))

    def _bits(self, *, family: bool) -> bytes:
        value, mask = bytes.fromhex(self.value), bytes.fromhex(self.family if family and self.family else self.mask)
        return mask or (family_mask(value) if family else b"\xff" * len(value))


class Match(_ProfileTable):
    """Cards that the profile is for: every key that is given must fit; ATR and AID by any one of their list."""

    atr: tuple[AtrMask, ...] = ()
    aid: tuple[Hex, ...] = ()
    label: Pattern = ""
    """Of TokenInfo (ISO/IEC 7816-15 8.10), or what a PIV application calls itself."""
    manufacturer: Pattern = ""
    issuer: Pattern = ""
    """The issuer of one of its certificates, as `CN=...`. Not for PIV, which is known before a certificate is read."""


class CodeRules(_ProfileTable):
    """Rules of a PIN or PUK. Lengths in characters; `tries` is where the counter starts."""

    min_length: int = Field(ge=1, le=32)
    max_length: int = Field(ge=1, le=32)
    charset: Charset = "digits"
    tries: int = Field(ge=1, le=15)


NEW_PIN_LENGTH = 6
"""No new PIN is shorter where the product has room for it: the rule of the regions' rules of codes."""


class PinRules(CodeRules):
    """`forbidden`: what a new PIN may not be, see `drivers.reader.pin.new_code_rules`."""

    new_min_length: int = Field(default=NEW_PIN_LENGTH, ge=NEW_PIN_LENGTH, le=32)
    """A new PIN is at least so long, as far as the product has room; one that the card has already may be as short as
    `min_length`."""
    forbidden: tuple[NewCodeRule, ...] = DEFAULT_RULES


class PukRules(CodeRules):
    """`floor`: a PUK goes to the card only while at least so many tries remain (reliability I1)."""

    floor: int = Field(ge=2)
    reference: int | None = Field(default=None, ge=0, le=255)
    """P2 that names a PUK which the card does not list; None: no command names it, it is known within RESET RETRY COUNTER."""
    stored_length: int | None = Field(default=None, ge=1, le=32)
    """The PUK goes out in so many bytes, whatever the card says; None: as the card says, or as in its PIN."""
    pad: int | None = Field(default=None, ge=0, le=255)
    """The PUK is padded with this byte, whatever the card says."""
    at_mf: bool = False
    """The PUK is verified with the MF current, wherever the PINs belong; whatever the card says."""

    @model_validator(mode="after")
    def _floor_is_safe(self) -> "PukRules":
        if self.floor < least_floor(self.tries):
            raise ValueError("the floor is 3 where the counter starts at 5 or more, else 2")
        return self


class CommandRules(_ProfileTable):
    """Rules on how this product wants its commands."""

    application: tuple[Hex, ...] = ()
    """AIDs of its application, asked for first beside an answer to reset that the profile names."""
    counter: Counter = "none"
    counter_of_puk: Counter = "none"
    pad: int | None = Field(default=None, ge=0, le=255)
    """Pad every code with this byte to its stored length, whatever the card's own description says."""
    reference_or: Literal[0x00, 0x80] = 0x00
    """Set in every reference of a code, whatever the card tells (80: a code of the current DF, ISO/IEC 7816-4 11.6.1)."""
    unblock: UnblockVariant = "none"
    file_enters_its_df: bool = False
    """A SELECT of a file by path makes its DF the current one (ISO/IEC 7816-4 7.3.2), as is known of this product. Else a
    DF is selected again before a local code goes out."""


class Unblocking(_ProfileTable):
    """Rules on who may unlock a locked PIN of this product with its PUK, and on how it is unlocked without it."""

    by: Who = "nobody"
    admin: Administered = "none"
    admin_reference: int = Field(default=0x00, ge=0, le=255)
    """Reference of the administrative key (P2 of EXTERNAL AUTHENTICATE)."""
    admin_challenge: Literal[8, 16] = 16
    """Length of challenge and answer, in bytes: one block of the key's cipher."""
    admin_tries: int = Field(default=3, ge=2, le=15)
    """Where the key's counter starts."""
    admin_digits: ChallengeDigits = "hexadecimal"
    """How the issuer's portal writes challenge and answer, where people carry them by hand."""


BY_SERIAL = "token:serial"
"""The card number is what the card calls its serial."""


class Activation(_ProfileTable):
    """Way in which the holder of a card that came by post gets a PIN of their own."""

    code: FirstCode | None = None
    """None: with the PUK where the holder may unlock with it, by an administrator where only they may, else from the start PIN
    that the card came with."""


class CertificateRules(_ProfileTable):
    """`card_number`: `extension:OID`, `subject:NAME` (X.520 short name) or `token:serial`."""

    card_number: str = Field(default=BY_SERIAL, pattern=r"^(extension:\d+(\.\d+)+|subject:\w+|token:serial)$")
    loa: dict[Oid, int] = {}
    """Level of assurance by certificatePolicies identifier."""
    holder_id: Pattern = ""
    """Form of the subject's serialNumber that names the holder; empty: any but a personal identity number."""


class IssuerMatch(_ProfileTable):
    """Match of an issuer's certificates: a regular expression over the issuer's name, as `CN=...` (RFC 4514)."""

    issuer: Pattern = Field(min_length=1)


class IssuerRules(_ProfileTable):
    """Rules on what an issuer writes into its certificates, on cards of any product."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: str
    kind: Literal["issuer"]
    match: IssuerMatch
    certificates: CertificateRules
    evidence: Evidence = Field(default={}, exclude=True)

    @model_validator(mode="after")
    def _from_certificates(self) -> "IssuerRules":
        if self.certificates.card_number == BY_SERIAL:
            raise ValueError("certificates.card_number: a certificate does not tell a token's serial")
        return self

    @property
    def unverified(self) -> tuple[str, ...]:
        """Keys whose value nobody has verified."""
        return unverified_keys(self.evidence)

    def issued(self, issuers: Iterable[str]) -> bool:
        """Return whether one of those names is this issuer's."""
        return any(re.search(self.match.issuer, issuer) for issuer in issuers)


TemplatePart = Literal["algorithm", "file", "key"]


class SigningForm(_ProfileTable):
    """One way in which this product signs. `template` empty: MANAGE SECURITY ENVIRONMENT is not sent."""

    keys: Literal["rsa", "ec", "all"] = "all"
    template: tuple[TemplatePart, ...] = ("algorithm", "key")
    algorithm: int = Field(default=0, ge=0, le=255)
    input: Literal["digest-info", "hash"] = "hash"
    """Of RSA with PKCS#1 v1.5: what the card gets, and pads; every other kind gets the bare hash."""
    operation: Literal["pso", "pso-hash", "internal-authenticate"] = "pso"
    """COMPUTE DIGITAL SIGNATURE over its data; PSO: HASH and then that without data; INTERNAL AUTHENTICATE."""
    padding: Literal["pkcs1", "pss"] = "pkcs1"


class Signing(_ProfileTable):
    """`template`: what MANAGE SECURITY ENVIRONMENT gets (7816-4 table 78): 80 algorithm, 81 file, 84 key. Where the card refuses
    what stands here, other forms are tried (`drivers.reader.signatures.signature_forms`)."""

    forms: tuple[SigningForm, ...] = ()
    """In the order in which they are tried, before that of the keys below."""
    template: tuple[TemplatePart, ...] = ("algorithm", "key")
    rsa: int = Field(default=0x02, ge=0, le=255)
    """Algorithm reference for RSA over a DigestInfo that the card pads (PKCS#1 v1.5)."""
    padding: Literal["pkcs1", "pss"] = "pkcs1"
    """`pss`: `rsa` is the algorithm that pads a bare SHA-256 by RSASSA-PSS (RFC 8017 8.1), for cards without the other."""
    ecdsa: int = Field(default=0x04, ge=0, le=255)
    identification: Literal["pso", "internal-authenticate"] = "pso"
    code_each_time: bool = False
    """A key signs only just after its code, whatever the card says of its keys."""


class PivRules(_ProfileTable):
    """Rules on how a PIV application is read, beyond what SP 800-73-4 says of all of them."""

    discovery: bool = True
    """Ask for the discovery object; where it is known to be missing or constant, that is an exchange saved."""
    serial: Literal["chuid", "token"] = "chuid"
    """What the serial is: GUID of the CHUID, or what GET SERIAL (INS F8) of a token says."""
    metadata: bool = False
    """GET METADATA (INS F7) tells public key and policy of a slot."""
    delete_key: bool = False
    """MOVE KEY (INS F6) deletes the key of a slot."""
    management: ManagementAlgorithm = "3DES"
    """The kind of its management key (key reference 9B)."""
    spare: tuple[RetiredPlace, ...] = ()
    """Retired places in which a renewed key may be made while the old one is still in its own, and where a certificate counts
    by its keyUsage. Read where an ordinary place is empty, or its certificate nears its end."""
    extended_length: bool = False
    """Extended APDUs over T=1 even where the ATR does not offer them."""


class Profile(_ProfileTable):
    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: str
    kind: Literal["pkcs15", "piv"] = "pkcs15"
    rank: int = 0
    """The highest that matches wins."""
    proved: Proved = "none"
    """While it is `none` the product is read-only."""
    match: Match = Match()
    pin: PinRules
    puk: PukRules
    commands: CommandRules = CommandRules()
    unblocking: Unblocking = Unblocking()
    activation: Activation = Activation()
    one_code: bool = False
    """One code may serve identification and signature."""
    writable: bool = False
    """PKCS#15: keys are made and certificates written with the commands of `drivers.reader.pkcs15.apdus`, once the PIN
    is verified."""
    genuine: ProvedGenuine = "none"
    """How every card of this product proves before any code that its issuer made it: by a key that wants no code, or by its
    management key, which is its own and known to the server; or not at all."""
    stocked_by: Literal[1, 2] = 2
    """So many administrators put a card of this product into a cabinet, where it cannot prove before any code that it is
    genuine."""
    certificates: CertificateRules = CertificateRules()
    signing: Signing = Signing()
    piv: PivRules = PivRules()
    evidence: Evidence = Field(default={}, exclude=True)
    """By dotted key: where the value is known from; None for unverified."""

    @model_validator(mode="after")
    def _can_match(self) -> "Profile":
        if self.kind == "piv" and self.match.issuer:
            raise ValueError("match.issuer is not for PIV cards, which are known before a certificate is read")
        return self

    @model_validator(mode="after")
    def _can_set_first_code(self) -> "Profile":
        by_puk, by_key = self.commands.unblock != "none", self.unblocking.admin != "none"
        if self.activation.code == "puk" and not by_puk:
            raise ValueError("activation.code is puk, and commands.unblock is none")
        if self.activation.code == "administrator" and not (by_puk or by_key):
            raise ValueError(
                "activation.code is administrator, and nothing unlocks the card: commands.unblock, unblocking.admin"
            )
        return self

    @property
    def first_code(self) -> FirstCode:
        """Way in which a card that came by post gets the holder's own PIN."""
        if self.activation.code is not None:
            return self.activation.code
        by_puk, by_key = self.commands.unblock != "none", self.unblocking.admin != "none"
        if self.unblocking.by == "holder" and by_puk:
            return "puk"
        return "administrator" if self.unblocking.by == "administrator" and (by_puk or by_key) else "start-pin"

    @property
    def read_only(self) -> bool:
        """Cards are read and their PIN is verified; nothing is changed, and no counter is asked that might cost a try."""
        return self.proved == "none"

    @property
    def self_described(self) -> bool:
        """Nothing is known of the product but the standard and what a card says of itself, which may be wrong."""
        return self.kind == "pkcs15" and self.proved == "standard"

    @property
    def unverified(self) -> tuple[str, ...]:
        """Keys whose value nobody has verified."""
        return unverified_keys(self.evidence)

    def rules(self, role: Role) -> CodeRules:
        """The rules of the code with that role."""
        return self.puk if role is Role.PUK else self.pin

    def new_rules(self, role: Role) -> CodeRules:
        """The rules of a new code with that role: `rules`, and no new PIN shorter than `pin.new_min_length`."""
        if role is Role.PUK:
            return self.puk
        least = min(max(self.pin.min_length, self.pin.new_min_length), self.pin.max_length)
        return self.pin.model_copy(update={"min_length": least})

    def counter(self, role: Role) -> Counter:
        """Return how the tries of the code with that role are read."""
        return self.commands.counter_of_puk if role is Role.PUK else self.commands.counter

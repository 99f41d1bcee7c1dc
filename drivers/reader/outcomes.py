"""Outcomes of card commands: closed unions of frozen values, matched exhaustively by the caller.

A wrong code is an expected outcome and therefore a value; a reader that vanished is a fault and therefore an exception
(see `drivers.reader.errors`). Nothing here holds card data or a code.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Role of a PIN or PUK. The values are those of `card show --json`."""

    IDENTIFICATION = "identification"
    SIGNATURE = "signature"
    PUK = "puk"


class RefusalReason(StrEnum):
    """Reason of a refusal, by the station or the card. No try was used, but for what `CARD` says."""

    BELOW_FLOOR = "below_floor"
    """So few tries remain that the station stops (reliability I1)."""
    LAST_TRY = "last_try"
    """One PIN try remains and the holder has not consented to use it."""
    POLICY = "policy"
    """Length or alphabet is outside what the profile and the card allow; the card never saw it."""
    NOT_ALLOWED = "not_allowed"
    """The product profile does not let the holder do this."""
    NOT_PROVED = "not_proved"
    """Nobody has tried the product on a real card: it is read and its PIN is verified, nothing on it is changed."""
    SAME_CODE = "same_code"
    """The card has just called that code wrong, in this form and visit: it is not sent again."""
    NEW_CODE = "new_code"
    """The card takes the code that it has, and not the new one: another may follow (see `Refused.status`)."""
    CHANGE_FIRST = "change_first"
    """The card lets nobody use its keys before its code was changed, and says so; it was not asked."""
    NOT_AT_PAD = "not_at_pad"
    """The reader's key pad cannot do this; the same may be asked for without it."""
    KEY_KIND = "key_kind"
    """The certificate's key is of a kind that this program does not know: nothing was asked of the card."""
    NO_FORM = "no_form"
    """The card took none of the forms in which signatures are asked for here, and none is known for its product: nothing is known
    of its key."""
    CARD = "card"
    """The card itself refused (see `Refused.status`). Where nobody can read its tries, one counts as used, unless the status
    says that the card did not look at the code."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Success: the card carried the command out."""

    new_code_set: bool = True
    """False where an unblock only gave the old code its tries back: this product takes no new code with it."""


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Wrong PIN or PUK. `tries_left` counts the code that was wrong: on unblock that is the PUK."""

    tries_left: int | None
    entries_left: int | None = field(default=None, compare=False)
    """On unblock: how many more entries are let through before the station stops at the PUK's floor."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The code's tries are used up. Locked is not blocked: a locked PIN may be unlocked with the PUK."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Refusal before or by the card; see the reason."""

    reason: RefusalReason
    status: int | None = None
    """The card's status word where the card refused."""
    tries_left: int | None = None
    other_form: bool = False
    """Of SAME_CODE, or of VERIFY refused as a wrong length (6700, which costs no try on any card known here): nobody knows the
    product, and the card may want the code in another form (`Visit.verify`)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Unknown outcome: the transmission broke off, the card may or may not have done it. Read it again; never retry a code."""


CodeOutcome = Accepted | WrongCode | Locked | Refused | Unknown


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """The answer to the card's challenge was wrong: the key that made it is not this card's. `tries_left` counts that key."""

    tries_left: int | None


AdminOutcome = Accepted | WrongAnswer | Locked | Refused | Unknown
"""Of unlocking without the PUK. Locked: the administrative key's tries are used up."""


@dataclass(frozen=True, slots=True)
class Signed:
    """`signature` is as the card made it: PKCS#1 v1.5 or PSS for RSA, DER (r, s) for ECDSA."""

    signature: bytes
    algorithm: str
    """JOSE name: RS256, ES256 or ES384; PS256 where the profile says so."""
    certificate: bytes
    """DER of the certificate whose key signed; empty for a key that has none yet."""


SignOutcome = Signed | Locked | Refused | Unknown
Signability = Literal["known", "likely", "doubtful", "no_key"]
"""Whether a card signs with the key of a purpose, as far as that is known before a code: `known`, the form in which its product
signs is; `likely`, it took an environment; `doubtful`, it took none that is known here; `no_key`, it has no such certificate with
a key."""


@dataclass(frozen=True, slots=True)
class CardAuthenticated:
    """The card signed a fresh challenge with a key of its own, `key_id`, under a certificate that names this very card."""

    key_id: str


@dataclass(frozen=True, slots=True)
class CardNotAuthenticated:
    """The card is not the one that it says it is, or cannot show it though its product can.

    `no_key`: its product has a key for it, and it has none; `refused`: it did not sign; `false_signature`: by another key than
    its certificate's; `certificate`: that one does not hold; `another_card`: it names another card; `wrong_answer`: it does not
    have its management key.
    """

    why: Literal["no_key", "refused", "false_signature", "certificate", "another_card", "wrong_answer"]


@dataclass(frozen=True, slots=True)
class NoFreeKey:
    """The card has no key that is used without a code: nothing is known either way."""


CardAuthentication = CardAuthenticated | CardNotAuthenticated | NoFreeKey | Unknown
"""Of a challenge to a card before any code."""

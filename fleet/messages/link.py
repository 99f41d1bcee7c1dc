"""Messages of the link beside events: acknowledgements, presence, state, questions and answers.

All are small JSON objects, decoded strictly into frozen structs; a message that does not fit raises `MessageError`, whose
text names the field and never the content.

>>> decode(Acked, encode(Acked(epoch=1, through=17))).through
17
"""

from typing import Any, Literal

import msgspec

from fleet.messages.asking import IssuerAsk
from fleet.messages.certificate_renewal import RenewalAsk
from fleet.messages.issuing import AdministratorRole
from fleet.messages.key_rotation import KeysAsk
from fleet.messages.region import RegionAsk
from fleet.messages.vocabulary import DeviceKind

RELEASE_DIGITS = 8


class MessageError(ValueError):
    """A message that does not fit its contract."""


class Acked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's word after its commit: all of `epoch` up to `through` is held; `wanted` ranges (inclusive) are not."""

    epoch: int
    through: int
    wanted: tuple[tuple[int, int], ...] = ()


class Presence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Retained; the offline one is the last will."""

    online: bool
    bootid: str
    taken_over: int = 0
    """How often of late another connection with this station's certificate took its session over (`takeovers`)."""


class DeviceState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One device in words that a dashboard can show. `state` is a `DeviceStatus`, or one of a newer station."""

    name: str
    kind: DeviceKind
    state: str
    ok: bool
    virtual: bool = False


class SlotState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One slot of the cabinet: `card` is what the sensor says."""

    number: int
    card: Literal["present", "empty", "unknown"]
    door: Literal["open", "closed", "unknown"]


STATE_EVERY_S = 60.0
"""A station says its state so often though nothing has changed: the server tells by it who is quiet from who is gone."""


UpdateStep = Literal["fetching", "waiting", "installing", "restarting", "testing"]


class UpdateState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """State of a station's updates, where it runs from one of two slots.

    `compatible`: the machines that its bundles are for. `slot`: the one that runs. `step`: what is done with the bundle of
    `version` (none: nothing). `failed`: why the last update was not confirmed, a code. `problems`: codes of its boot loader.
    """

    compatible: str
    slot: str
    step: UpdateStep | None = None
    version: str | None = None
    percent: int | None = None
    failed: str | None = None
    problems: tuple[str, ...] = ()


DataKept = Literal["tpm", "file", "open"]
"""Encrypted, and its key sealed by the machine's TPM; encrypted, and its key in a file of the same disk; or not encrypted."""


class SettingsState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fleet's settings at a station.

    `version`: those that it runs with, empty where there never were any. `step`: `waiting` until nobody is there, `testing` after
    the restart. `refused`: the version that was not taken or was taken back, and `reason` why: a code and, after a colon, what
    for people. `own`: the keys that its `station.toml` says itself, which count before all that the fleet gives.
    """

    version: str = ""
    step: Literal["applied", "waiting", "testing"] = "applied"
    refused: str = ""
    reason: str = ""
    own: tuple[str, ...] = ()


Lack = Literal["anchors", "levels", "region", "contacts"]
"""What a station was not given yet: whose cards it believes, which level of assurance (LoA) each product proves, a region's
file that can be read, and whom it names."""


class StationState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The station as it is, retained on `state`."""

    title: str
    version: str
    bootid: str
    time: str
    errand: str | None = None
    step: str | None = None
    devices: tuple[DeviceState, ...] = ()
    slots: tuple[SlotState, ...] = ()
    outbox_depth: int = 0
    out_of_service: str | None = None
    left_in: str | None = None
    """When a card was left in the reader that is still there (RFC 3339)."""
    region: str | None = None
    """Digest of the set of the region's data that it holds: switch-offs, profiles, revocation."""
    firmware: str | None = None
    """Version of the firmware on the cabinet's board, of the last time it was greeted; None where there is no board."""
    image: str | None = None
    """Version of the image that the station runs from; without one, its system and the version of that."""
    clock_off_s: int | None = None
    """By how many seconds the machine's clock was ahead of the server's signed time (negative: behind), when that last came."""
    certificate_until: str | None = None
    """When the station's certificate ends (RFC 3339)."""
    certificate_from: str | None = None
    """When it began; from both follows when the station renews it by itself."""
    key_kept: Literal["file", "sealed", "tpm"] | None = None
    """Where the station's key is: in a file, in a file sealed to this machine, or in a TPM."""
    data_kept: DataKept | None = None
    """How the volume of what stays is kept; None where no image has opened it."""
    recovery_key: str | None = None
    """A key of that volume, sealed to the fleet's authority (base64); None where there is none."""
    update: UpdateState | None = None
    """None where it runs from no image with two slots."""
    server_keys: int | None = None
    """The newest statement of key rotation that it has taken; 0 before the first."""
    settings: SettingsState | None = None
    """None where no server gives it any."""
    lacks: tuple[Lack, ...] = ()


Delivery = Literal["station", "post"]
"""How a card comes to its holder: through a slot of a station, or by post, to be activated at any station."""


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order as a station holds it: enough to hand the card over with no server, and no code of any kind.

    `name` is None for a protected identity: then the HSA-id alone is shown. `last_day` is ISO 8601. `slot` is 0 while no slot
    has been given to the card: then it is on its way. `receipt_owed`: the holder has the card and its code, and has signed no
    receipt; it may be signed at any station, also past the last day. `delivery`: a card that goes by `post` never has a slot.
    """

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: Literal[2, 3]
    slot: int
    last_day: str
    receipt_owed: bool = False
    delivery: Delivery = "station"


class Administrator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ID administrator on the list of a station. `level`: up to which level of assurance (LoA) they act. The days are ISO
    8601, both included; None without such an end. Who may attend is told by `fleet.messages.attending`.
    """

    hsa_id: str
    name: str
    roles: tuple[AdministratorRole, ...]
    level: Literal[2, 3]
    valid_from: str | None = None
    valid_until: str | None = None


class SyncPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of the JWS that a station syncs. `next` is the cursor of the next page, None on the last.

    `issued` and `not_after` are RFC 3339 times of the server: the station offers nothing from a list past `not_after`,
    and takes `issued` as a floor for its own clock.
    """

    station: str
    issued: str
    not_after: str
    orders: tuple[Order, ...] = ()
    administrators: tuple[Administrator, ...] = ()
    next: str | None = None
    leavers: tuple[str, ...] = ()
    """Digests of certificates of who has left, of cards that are on hold or blocked, and of cards that are not handed over
    (`fleet.messages.leavers`); where they were asked for."""


class SyncAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sync", tag_field="ask"):
    """Give me my orders and the administrators who may attend, as JWS. `cursor` from the page before. `leavers`: and all
    digests of `SyncPage.leavers`, for who knows what they are."""

    cursor: str | None = None
    leavers: bool = False


class OrderAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="order.find", tag_field="ask"):
    """Is there an order at this station for this person, newer than my last sync?"""

    hsa_id: str


class EnvelopeAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="envelope.verify", tag_field="ask"):
    """Is this the PUK of that order's envelope? `sealed` is base64 of the PUK sealed to the verifier's public key.

    The seal is HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305) with `info` = `envelope_info(station, order,
    nonce)`, so that it opens for that station, order and nonce only. `nonce` is 32 hex digits, used once.
    """

    order: str
    nonce: str
    sealed: str


class ReleaseAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="release.verify", tag_field="ask"):
    """Is this the release code of that order's letter? Only LoA2 orders have one. As `EnvelopeAsk`, with `release_info`."""

    order: str
    nonce: str
    sealed: str


class HandOverAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="card.hand_over", tag_field="ask"):
    """Is that card still to be handed over? For any station, newer than its list."""

    card_number: str


class ReceiptMailAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="receipt.mail", tag_field="ask"):
    """Can a receipt be mailed to that person? The address itself stays at the server."""

    hsa_id: str


class ChainAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="chain", tag_field="ask"):
    """Question for what the server holds of that epoch's chain. A station asks before it sends, to find that its file is an old
    copy.

    `last`: its own highest sequence; `count`: of how many events that end there it wants the hash, at most `MAX_CHAIN_HASHES`.
    """

    epoch: int
    last: int
    count: int = 1


class HeldChain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a chain that the server holds. `highest`: its highest sequence, 0 where there is none; `newest`: the highest
    epoch of that station, 0 where there is none. `hashes`: of the events whose sequences end at the lower of `last` and
    `highest`, in their order; None of one that is not held, or could not be read.
    """

    highest: int
    newest: int
    hashes: tuple[str | None, ...] = ()


MAX_CHAIN_HASHES = 100

Ask = (
    SyncAsk
    | OrderAsk
    | EnvelopeAsk
    | ReleaseAsk
    | RegionAsk
    | KeysAsk
    | RenewalAsk
    | ChainAsk
    | ReceiptMailAsk
    | HandOverAsk
    | IssuerAsk
)


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`result` depends on the question; `error` is a stable code with `text` for people, and then there is no result.

    sync, order.find: `jws`, a compact JWS (RFC 7515, ES256, server key) over a `SyncPage`; region: over a `RegionPage`; all
    of `fleet.messages.asking`: over a `Word`. The header's `typ` says to which question.
    keys: `keys`, the statements of key rotation (`fleet.messages.key_rotation`), oldest first. chain: `chain`.
    identity.renew: `certificates`, DER in base64, the station's first and the issuing one behind it.
    envelope.verify, release.verify: `verdict`: `match`, `no_match` (the same for wrong and unknown), or `too_many`.
    receipt.mail: `mail`, whether there is an address and a mail server.
    card.hand_over: `delivery` of the order that is not handed over; left out where there is none.
    """

    ok: bool
    jws: str | None = None
    verdict: Literal["match", "no_match", "too_many"] | None = None
    error: str | None = None
    text: str | None = None
    keys: tuple[str, ...] = ()
    chain: HeldChain | None = None
    certificates: tuple[str, ...] = ()
    mail: bool = False
    delivery: Delivery | None = None


def envelope_info(station: str, order: str, nonce: str) -> bytes:
    """Return the HPKE `info` that a sealed PUK is bound to."""
    return msgspec.json.encode(["kortkiosk-envelope-v1", station, order, nonce])


def envelope_mac_input(card_number: str, puk: str) -> bytes:
    """Return the input of the issuer's HMAC-SHA-256 of a code letter. Only the verifier and the issuer call this."""
    return msgspec.json.encode(["kortkiosk-envelope-v1", card_number, puk])


def release_info(station: str, order: str, nonce: str) -> bytes:
    """Return the HPKE `info` that a sealed release code is bound to."""
    return msgspec.json.encode(["kortkiosk-release-v1", station, order, nonce])


def release_mac_input(order: str, card_number: str, envelope_mac: str) -> bytes:
    """Return the input of a letter's release code: with another PUK a new letter has another code. Only verifier and issuer
    call this."""
    return msgspec.json.encode(["kortkiosk-release-v1", order, card_number, envelope_mac])


def release_code(mac: bytes) -> str:
    """The eight digits of an HMAC-SHA-256, by the dynamic truncation of RFC 4226 (5.3)."""
    at = mac[-1] & 0x0F
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 10**RELEASE_DIGITS:0{RELEASE_DIGITS}}"


def encode(message: msgspec.Struct) -> bytes:
    """The message as JSON bytes."""
    return msgspec.json.encode(message)


def decode(kind: Any, raw: bytes) -> Any:
    """Read a message of that kind (a struct, or a union of tagged ones such as `Ask`). Raises MessageError."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"{getattr(kind, '__name__', kind)}: {parse_reason(error)}") from None


def parse_reason(error: Exception) -> str:
    """Why a message cannot be read."""
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)

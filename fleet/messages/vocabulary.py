"""Shared vocabulary of station and server: event types, effects, outcomes, commands, devices and findings, as enumerations.

Rules:
- A member's value is what travels over the link and what lies in databases: it never changes.
- Who treats each member writes a `match` that ends in `assert_never`: a member that was forgotten is then a type error.
- What comes over the link may be newer than this file: it is a plain string until it has been looked up here.

>>> EventType("se.kortkiosk.station.started") is EventType.STATION_STARTED
True
>>> EventType.STATION_STARTED.short, EventType.STATION_STARTED.retention
('station.started', <Retention.STATIONS: 'stations'>)
"""

from enum import StrEnum, unique
from typing import TypeVar, assert_never

EVENT_PREFIX = "se.kortkiosk."

E = TypeVar("E", bound=StrEnum)


def lookup(vocabulary: type[E], value: str) -> E | None:
    """The member of that value; None where this program does not know it.

    >>> lookup(EventType, "se.kortkiosk.of.tomorrow") is None
    True
    """
    try:
        return vocabulary(value)
    except ValueError:
        return None


def short_type(event_type: str) -> str:
    """The type of an event without our prefix, as texts and logs name it; of an unknown type too."""
    return event_type.removeprefix(EVENT_PREFIX)


@unique
class Retention(StrEnum):
    """Classes of how long an event is kept; how many days each class has is a setting of the server."""

    HAND_OVERS = "hand_overs"
    """What proves a hand-over, a block or the way of a card: ten years at least."""
    ERRANDS = "errands"
    STATIONS = "stations"


@unique
class EventType(StrEnum):
    """Types of events and what their data holds. Never a code, never a personal identity number.

    Data is flat JSON. `errand` is the id of one errand at one station (UUID); `subject` of the envelope is `order/ORDER` where
    there is one, else `card/CARDNUMBER`. A name travels only in `RECEIPT_ISSUED`, since the receipt needs it.
    """

    STATION_STARTED = "se.kortkiosk.station.started"
    """`version`, `found`: intents that were open when the station came up, see EFFECT_UNKNOWN."""

    STATION_RESET = "se.kortkiosk.station.reset"
    """`unsent` (events that are lost), `slots` (in which a card lies), `binned` (cards in the bin): the station is about to
    forget its keys and all that it kept."""

    CHAIN_CHECKPOINT = "se.kortkiosk.chain.checkpoint"
    """`jws`: the station's signed statement of the event before, see `fleet.messages.checkpoints`."""

    CHAIN_BEGUN = "se.kortkiosk.chain.begun"
    """`before` (the epoch until now), `after` (up to there it is as the server holds it), `moved` (events that were sealed again
    in this one), `why` (`older_copy`: the server holds others under the numbers behind; `head_damaged`): a chain begun anew."""

    EVENTS_DAMAGED = "se.kortkiosk.events.damaged"
    """`count` and `first` (`epoch:sequence`): events in the station's file that are not what was sealed, found by its own check;
    `indexes`: whether an index of the file did not fit its tables, and was made anew."""

    DOOR_OPENED = "se.kortkiosk.door.opened"
    """Nothing more: the service door was opened."""

    DOOR_SHUT = "se.kortkiosk.door.shut"
    """Nothing more: the service door was shut."""

    COMMAND_TAKEN = "se.kortkiosk.command.taken"
    """`sequence`, `command`, `why` (in words), `by` and, where it took two, `second` (accounts of the server), `slot`?: kept
    before it is done."""

    COMMAND_ENDED = "se.kortkiosk.command.ended"
    """`sequence`, `command`, `outcome` (`done`, `refused`, `failed`), `reason`? (a code), `slot`?: what came of it."""

    UPDATE_STEP = "se.kortkiosk.update.step"
    """`step` (`fetched`, `installed`, `confirmed`, `failed`), `version` (of the bundle), `reason`? (a code): how far an update of
    the station's image has come."""

    SETTINGS_APPLIED = "se.kortkiosk.settings.applied"
    """`version`: the fleet's settings count at the station, after a trial."""

    SETTINGS_REFUSED = "se.kortkiosk.settings.refused"
    """`version`, `reason` (a code), `text` (for people): the fleet's settings were not taken, or were taken back."""

    CARD_LEFT_IN = "se.kortkiosk.card.left_in"
    """`card_number` (empty where it could not be read): its holder went, and the card is still in the reader."""

    CARD_LEFT_IN_TAKEN = "se.kortkiosk.card.left_in_taken"
    """`card_number`, `seconds`: somebody took that card out of the reader."""

    LISTS_DROPPED = "se.kortkiosk.lists.dropped"
    """`lists` (`list`, `found`, `floor`): what the station kept of the server's lists was damaged, or not the server's; it is
    fetched again."""

    ASK_UNREADABLE = "se.kortkiosk.ask.unreadable"
    """`kind` (`card.block`, ...), `card_number`, `wanted` (a time): what a person proved here waits for the server and cannot be
    read; kind and number are empty where they are not known. It stays at the station."""

    ERRAND_STARTED = "se.kortkiosk.errand.started"
    """`errand`, `kind` (`pickup`, ...)."""

    EFFECT_DONE = "se.kortkiosk.effect.done"
    """`errand`, `effect` (a name from the journal, e.g. `slot.open`, `card.unblock`), `outcome`, `order`, and more by
    effect, such as `slot`, `receipt`, `old_card`; with `not_opened` the `fault`, such as `jammed`; with `not_laid_out` the `why`
    (`qr`, `barcode`, `other`)."""

    EFFECT_UNKNOWN = "se.kortkiosk.effect.unknown"
    """`errand`, `effect`, `order`, and more by effect: neither a result nor an error could be believed, or the station stopped in
    the middle."""

    CARD_STORED = "se.kortkiosk.card.stored"
    """`errand`, `card_number`, `slot`, `by` (HSA-id of the administrator), `second`? (of the other, where it takes two),
    `order`?: the card lies there, and the door is shut."""

    CARD_TAKEN_OUT = "se.kortkiosk.card.taken_out"
    """`errand`, `card_number` (empty where nobody knows which card it is), `slot`, `why` (`expired`, `voided`, `misplaced`,
    `reserve`, `not_genuine`, `other`; `missing`: it was not there), `by`, `order`?."""

    STOCK_COUNTED = "se.kortkiosk.stock.counted"
    """`errand`, `by`, `slots` (how many were looked at), `differences`: a list of `{slot, what}`, see docs/journeys.md."""

    BIN_EMPTIED = "se.kortkiosk.bin.emptied"
    """`errand`, `by` and `second` (HSA-ids), `counted`, `expected` (by the station's own list), `sensor` (by the cabinet's count,
    null where it did not say), `seal`, `statement` (the exact text that both signed) and `signatures`; `numbers`? of the
    cards where they were scanned; of a difference `missing`, `unlisted`, `never_seen` (returned by number and not there),
    `reason`, `reference`."""

    ADMINISTRATOR_LOGGED_IN = "se.kortkiosk.administrator.logged_in"
    """`errand`, `administrator` (HSA-id), `logged_in_by` (`server`, `list`): at the administrator's menu, until it ends."""

    IDENTITY_ATTESTED = "se.kortkiosk.identity.attested"
    """`errand`, `order`?, `administrator` and, where it takes two, `second` (HSA-ids), `logged_in_by` (`server`, `list`),
    `document` (the kind that was seen), `document_digits` (the last four of its number, never more), `checks`? (ids
    of the region's identity checks that were gone through, in order)."""

    CARD_ACTIVATED = "se.kortkiosk.card.activated"
    """`errand`, `order`, `card_number`: new code set, tested by a real signature."""

    CARD_NOT_GENUINE = "se.kortkiosk.card.not_genuine"
    """`errand`, `card_number` (as the card says), `why` (`false_signature`: not by its certificate's key; `no_key`, `refused`,
    `certificate`, `another_card`, `wrong_answer`: of a new card that was challenged before any code; `did_not_sign`: of one that
    took its codes), `slot`? where it lay."""

    RECEIPT_ISSUED = "se.kortkiosk.receipt.issued"
    """`errand`, `order`, `card_number`, `number`, `receipt` (the whole signed receipt, a JWS JSON object), `signed` (`card`,
    `attested`)."""

    RECEIPT_MAIL_WANTED = "se.kortkiosk.receipt.mail_wanted"
    """`errand`, `number`, `statement` (the text of its QR code, without an address before it): the holder wants that receipt by
    e-mail. The server has the address."""

    ERRAND_ENDED = "se.kortkiosk.errand.ended"
    """`errand`, `kind`, `outcome` (`done`, `refused`, `cancelled`, `timed_out`, `fault`, `unknown`, `interrupted`),
    `reason`?, `order`?, `card_number`?, `hsa_id`?, `seconds`."""

    @property
    def short(self) -> str:
        """The type without our prefix, such as `station.started`."""
        return short_type(self)

    @property
    def retention(self) -> Retention | None:
        """The class of an event outside an errand (an event of an errand is kept as long as its errand).

        None: never erased, since it names no card and no holder.
        """
        match self:
            case EventType.CHAIN_CHECKPOINT:
                return None
            case (
                EventType.STATION_STARTED
                | EventType.STATION_RESET
                | EventType.CHAIN_BEGUN
                | EventType.EVENTS_DAMAGED
                | EventType.DOOR_OPENED
                | EventType.DOOR_SHUT
                | EventType.UPDATE_STEP
                | EventType.SETTINGS_APPLIED
                | EventType.SETTINGS_REFUSED
                | EventType.CARD_LEFT_IN
                | EventType.CARD_LEFT_IN_TAKEN
                | EventType.LISTS_DROPPED
                | EventType.ASK_UNREADABLE
                | EventType.CARD_NOT_GENUINE
                | EventType.ADMINISTRATOR_LOGGED_IN
            ):
                return Retention.STATIONS
            case (
                EventType.COMMAND_TAKEN
                | EventType.COMMAND_ENDED
                | EventType.ERRAND_STARTED
                | EventType.EFFECT_DONE
                | EventType.EFFECT_UNKNOWN
                | EventType.CARD_STORED
                | EventType.CARD_TAKEN_OUT
                | EventType.STOCK_COUNTED
                | EventType.BIN_EMPTIED
                | EventType.IDENTITY_ATTESTED
                | EventType.CARD_ACTIVATED
                | EventType.RECEIPT_ISSUED
                | EventType.RECEIPT_MAIL_WANTED
                | EventType.ERRAND_ENDED
            ):
                return Retention.HAND_OVERS
            case _:
                assert_never(self)


@unique
class Effect(StrEnum):
    """Action of a station that is written down before and after: opening a slot, writing to a card, telling the issuer."""

    SLOT_OPEN = "slot.open"
    SLOT_LOOK = "slot.look"
    SLOT_TAKE = "slot.take"
    SLOT_REOPEN = "slot.reopen"
    SLOT_RETURN = "slot.return"
    SLOT_CLOSE = "slot.close"
    DROP_OPEN = "drop.open"
    DROP_CARD = "drop.card"
    BIN_CLEAR = "bin.clear"
    CABINET_PAIR = "cabinet.pair"
    CARD_BLOCK = "card.block"
    CARD_HOLD = "card.hold"
    CARD_LIFT = "card.lift"
    CARD_BIND = "card.bind"
    CARD_CHANGE = "card.change"
    CARD_UNBLOCK = "card.unblock"
    CARD_TEST = "card.test"
    CARD_GENERATE_KEY = "card.generate_key"
    CARD_WRITE_CERTIFICATE = "card.write_certificate"
    CARD_DELETE_CERTIFICATE = "card.delete_certificate"
    CARD_DELETE_KEY = "card.delete_key"
    CARD_CLEAR_TRIES = "card.clear_tries"
    LETTER_ORDER = "letter.order"
    READERS_ASSIGN = "readers.assign"
    PUK_RELEASE = "puk.release"
    RECEIPT_PRINT = "receipt.print"
    PRINTER_TEST = "printer.test"
    STATION_OPEN = "station.open"
    STATION_CLOSE = "station.close"
    STATION_RESTART = "station.restart"
    STATION_RESET = "station.reset"
    STATION_TEST = "station.test"
    CERTIFICATE_REQUEST = "certificate.request"


@unique
class Outcome(StrEnum):
    """Outcome of an effect. `cabinet.pair` may end with a code of docs/operations-reference.md instead."""

    UNKNOWN = "unknown"
    """Neither a result nor an error could be believed."""
    # of a code or key on a card
    ACCEPTED = "accepted"
    WRONG_CODE = "wrong_code"
    WRONG_ANSWER = "wrong_answer"
    LOCKED = "locked"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    NOT_ANSWERED = "not_answered"
    WRITTEN = "written"
    NOT_WRITTEN = "not_written"
    FAILED = "failed"
    # of a key or certificate
    GENERATED = "generated"
    MADE_AGAIN = "made_again"
    ISSUED = "issued"
    DELETED = "deleted"
    NOT_DELETED = "not_deleted"
    UNANSWERED = "unanswered"
    GARBLED = "garbled"
    # of a slot or the drop slot
    OPENED = "opened"
    NOT_OPENED = "not_opened"
    CLOSED = "closed"
    LEFT_OPEN = "left_open"
    LOOKED_AT = "looked_at"
    TAKEN = "taken"
    GONE = "gone"
    """The slot was opened for the order before, and the card went: seen by nobody, or not had by who stands there."""
    EMPTY = "empty"
    WRONG_CARD = "wrong_card"
    NOT_VOUCHED = "not_vouched"
    READ_ONLY = "read_only"
    NOT_TESTED = "not_tested"
    FORMER_NAME = "former_name"
    NOT_GENUINE = "not_genuine"
    DROPPED = "dropped"
    KEPT = "kept"
    NOTHING = "nothing"
    JAM = "jam"
    FISHING = "fishing"
    FULL = "full"
    MUTE = "mute"
    CLEARED = "cleared"
    NOT_CLEARED = "not_cleared"
    # of paper
    PRINTED = "printed"
    NOT_PRINTED = "not_printed"
    NOT_LAID_OUT = "not_laid_out"
    # of what the issuer is asked for
    BLOCKED = "blocked"
    HELD = "held"
    MARKED = "marked"
    LIFTED = "lifted"
    QUEUED = "queued"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    RELEASED = "released"
    IN_PORTAL = "in_portal"
    LETTER_ORDERED = "letter_ordered"
    LETTER_NOTED = "letter_noted"
    BOUND = "bound"
    # of the station
    ASKED = "asked"
    WELL = "well"
    FAULTS = "faults"
    PAIRED = "paired"


@unique
class ClearReason(StrEnum):
    """Why an ID administrator has the station count a card's tries from the beginning."""

    UNLOCKED_ELSEWHERE = "unlocked_elsewhere"
    TRIES_KNOWN = "tries_known"
    OTHER_CARD = "other_card"
    OTHER = "other"


@unique
class ErrandOutcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    FAULT = "fault"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"


@unique
class AskName(StrEnum):
    """Names of the questions that a station asks of issuer and register (`fleet.messages.asking`)."""

    CERTIFICATE_REQUEST = "certificate.request"
    CARD_BLOCK = "card.block"
    CARD_HOLD = "card.hold"
    CARD_LIFT = "card.lift"
    CARD_BIND = "card.bind"
    CARD_CHALLENGE = "card.challenge"
    CARD_AUTHENTICATE = "card.authenticate"
    CARD_PUK = "card.puk"
    CARD_LETTER = "card.letter"
    CARD_RECEIVED = "card.received"
    CARD_STATE = "card.state"
    ADMINISTRATOR_LOGIN = "administrator.login"
    ADMINISTRATOR_WORKLIST = "administrator.worklist"
    DIRECTORY_FIND = "directory.find"
    STOCK_MOVED = "stock.moved"
    BIN_EMPTIED = "bin.emptied"


@unique
class CommandName(StrEnum):
    """Command that the fleet may order a station to do (`fleet.messages.commands`)."""

    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    RESTART = "restart"
    RESTART_MACHINE = "restart_machine"
    SELF_TEST = "self_test"
    OPEN_SLOT = "open_slot"
    SYNC = "sync"
    LOG_BUNDLE = "log_bundle"
    NETWORK_TEST = "network_test"
    UPDATE = "update"


@unique
class CommandOutcome(StrEnum):
    """Outcome of a command at its station."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@unique
class FindingCode(StrEnum):
    """Finding about a card, as `check_card`, the home screen and `kortkiosk card show --json` say."""

    CERTIFICATE_REVOKED = "certificate_revoked"
    BLOCKED = "blocked"
    LEAVER = "leaver"
    ON_HOLD = "on_hold"
    PRINTED_DIFFERS = "printed_differs"
    OTHER_THAN_ORDERED = "other_than_ordered"
    NOT_HANDED_OVER = "not_handed_over"
    PUK_LOCKED = "puk_locked"
    PUK_FLOOR = "puk_floor"
    PIN_LOCKED = "pin_locked"
    NOT_BY_HOLDER = "not_by_holder"
    LOCKED_READ_ONLY = "locked_read_only"
    CHAIN_UNTRUSTED = "chain_untrusted"
    NO_IDENTIFICATION = "no_identification"
    KEY_DIFFERS = "key_differs"
    CERTIFICATE_DAMAGED = "certificate_damaged"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    PIN_INITIAL = "pin_initial"
    NOT_ACTIVATED = "not_activated"
    NAME_CHANGED = "name_changed"
    CERTIFICATE_EXPIRES_SOON = "certificate_expires_soon"
    LOA2_ENDS = "loa2_ends"
    NOT_REGISTERED = "not_registered"
    LEVEL_UNKNOWN = "level_unknown"
    CODE_UNLISTED = "code_unlisted"
    CERTIFICATE_GUARDED = "certificate_guarded"
    READ_ONLY = "read_only"
    ALIKE = "alike"
    UNKNOWN_CARD = "unknown_card"
    UNREAD_CARD = "unread_card"
    """Nothing can be asked of a card that is not understood, or known by its answer to reset alone: the command line says so."""


@unique
class DeviceKind(StrEnum):
    """Kinds of devices of a station; a keypad is of the scanners' kind."""

    READER = "reader"
    PRINTER = "printer"
    CABINET = "cabinet"
    SCANNER = "scanner"
    GPIO = "gpio"
    TOUCHSCREEN = "touchscreen"


@unique
class DeviceStatus(StrEnum):
    """Status of a device, as its station tells."""

    READY = "ready"
    NO_READER = "no_reader"
    CARD_MUTE = "card_mute"
    CARD_FAULT = "card_fault"
    NO_SIGNATURE = "no_signature"
    PAPER_LOW = "paper_low"
    OUT_OF_PAPER = "out_of_paper"
    COVER_OPEN = "cover_open"
    CUTTER = "cutter"
    OFFLINE = "offline"
    MUTE = "mute"
    NOT_LAID_OUT = "not_laid_out"
    UNKNOWN = "unknown"
    MISSING = "missing"
    WRONG_FIRMWARE = "wrong_firmware"
    NOT_PAIRED = "not_paired"
    SWAPPED_BOARD = "swapped_board"
    TWO_BOARDS = "two_boards"
    PORT_REFUSED = "port_refused"
    DOOR_OPEN = "door_open"
    CASE_OPEN = "case_open"
    BIN_OPEN = "bin_open"
    COUNTERS_LOST = "counters_lost"
    FLASH_FAILED = "flash_failed"
    JAMMED = "jammed"
    DROP_SENSOR = "drop_sensor"
    REFUSED = "refused"
    STUCK = "stuck"
    UNAVAILABLE = "unavailable"


STATUSES: dict[DeviceKind, tuple[DeviceStatus, ...]] = {
    DeviceKind.READER: (
        DeviceStatus.READY,
        DeviceStatus.NO_READER,
        DeviceStatus.CARD_MUTE,
        DeviceStatus.CARD_FAULT,
        DeviceStatus.NO_SIGNATURE,
    ),
    DeviceKind.PRINTER: (
        DeviceStatus.READY,
        DeviceStatus.PAPER_LOW,
        DeviceStatus.OUT_OF_PAPER,
        DeviceStatus.COVER_OPEN,
        DeviceStatus.CUTTER,
        DeviceStatus.OFFLINE,
        DeviceStatus.MUTE,
        DeviceStatus.NOT_LAID_OUT,
        DeviceStatus.UNKNOWN,
    ),
    DeviceKind.CABINET: (
        DeviceStatus.READY,
        DeviceStatus.MISSING,
        DeviceStatus.MUTE,
        DeviceStatus.WRONG_FIRMWARE,
        DeviceStatus.NOT_PAIRED,
        DeviceStatus.SWAPPED_BOARD,
        DeviceStatus.TWO_BOARDS,
        DeviceStatus.PORT_REFUSED,
        DeviceStatus.DOOR_OPEN,
        DeviceStatus.CASE_OPEN,
        DeviceStatus.BIN_OPEN,
        DeviceStatus.COUNTERS_LOST,
        DeviceStatus.FLASH_FAILED,
        DeviceStatus.JAMMED,
        DeviceStatus.DROP_SENSOR,
    ),
    DeviceKind.SCANNER: (
        DeviceStatus.READY,
        DeviceStatus.MISSING,
        DeviceStatus.REFUSED,
    ),
    DeviceKind.GPIO: (
        DeviceStatus.READY,
        DeviceStatus.DOOR_OPEN,
        DeviceStatus.STUCK,
        DeviceStatus.UNAVAILABLE,
    ),
    DeviceKind.TOUCHSCREEN: (
        DeviceStatus.READY,
        DeviceStatus.MISSING,
        DeviceStatus.REFUSED,
    ),
}
"""Which of them each kind of device may tell, the self test included."""

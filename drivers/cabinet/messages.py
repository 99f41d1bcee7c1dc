"""The messages of the cabinet's line and the numbers in them, as data. Pure; a name's value never changes its meaning.

Rules: runs on CPython and on MicroPython 1.25 alike. Fields are (name, layout): `B`, `H`, `I` are unsigned numbers of
one, two and four bytes, big endian; `16s` is that many bytes; `text` (printable ASCII) and `*` (bytes) take the rest.
docs/cabinet-protocol.md tells the same tables in words, and a test holds them together.

>>> MESSAGES[OPEN_SLOT]
('OPEN_SLOT', (('slot', 'B'),))
"""

VERSION = 1
"""Of the protocol. HELLO, REFUSED and the header keep their form in every version."""
FIRMWARE = (1, 0, 0)
"""Of the firmware that belongs to this file."""
MAX_SLOTS = 64
MAX_WIRING = 2048
"""Bytes of wiring data."""
WIRING_PART = 192
"""Of which so many go into one message."""

HEARTBEAT_EVERY_MS = 1000
"""How often each side says something."""
HEARTBEAT_LIMIT_MS = 3000
"""The board locks after this long without a signed message; the host calls the board silent."""
RESEND_EVENT_MS = 300
"""How often the board tells its oldest event until the host has taken it."""
COIL_LIMIT_MS = 500
"""The firmware's own limit (I7); wiring data may lower it, nothing raises it."""

# The host's messages
HELLO = 0x01
BEGIN = 0x02
HEARTBEAT = 0x03
READ_STATE = 0x04
OPEN_SLOT = 0x05
OPEN_FLAP = 0x06
LOCK = 0x07
LAMP = 0x08
BUZZER = 0x09
PAIR = 0x0A
SELF_TEST = 0x0B
BOOTLOADER = 0x0C
CLEAR_COUNTERS = 0x0D
READ_COUNTERS = 0x0E
WIRING = 0x0F

# The board's
WELCOME = 0x81
RESULT = 0x82
STATE = 0x83
COUNTERS = 0x84
TESTED = 0x85
ALIVE = 0x86
EVENT = 0x87
REFUSED = 0x88

MESSAGES: "dict[int, tuple[str, tuple[tuple[str, str], ...]]]" = {
    HELLO: ("HELLO", (("host_nonce", "16s"),)),
    BEGIN: ("BEGIN", ()),
    HEARTBEAT: ("HEARTBEAT", ()),
    READ_STATE: ("READ_STATE", ()),
    OPEN_SLOT: ("OPEN_SLOT", (("slot", "B"),)),
    OPEN_FLAP: ("OPEN_FLAP", (("limit_s", "B"),)),
    LOCK: ("LOCK", ()),
    LAMP: ("LAMP", (("lamp", "B"), ("pattern", "B"))),
    BUZZER: ("BUZZER", (("pattern", "B"),)),
    PAIR: ("PAIR", (("key", "32s"),)),
    SELF_TEST: ("SELF_TEST", ()),
    BOOTLOADER: ("BOOTLOADER", ()),
    CLEAR_COUNTERS: ("CLEAR_COUNTERS", (("which", "B"),)),
    READ_COUNTERS: ("READ_COUNTERS", (("first_slot", "B"),)),
    WIRING: ("WIRING", (("size", "H"), ("at", "H"), ("part", "*"))),
    WELCOME: (
        "WELCOME",
        (
            ("board_nonce", "16s"), ("board_id", "8s"), ("boot_id", "4s"), ("reset_cause", "B"), ("firmware", "3s"),
            ("paired", "B"), ("slots", "B"), ("lamps", "B"), ("features", "H"), ("coil_limit_ms", "H"),
            ("bin_holds", "H"), ("wiring", "text"),
        ),
    ),
    RESULT: ("RESULT", (("command", "B"), ("code", "B"), ("detail", "B"))),
    STATE: (
        "STATE",
        (
            ("uptime_ms", "I"), ("flags", "H"), ("coil_slot", "B"), ("drop_stage", "B"), ("bin_count", "H"),
            ("doors_open", "8s"), ("cards", "8s"), ("jammed", "8s"), ("spoilt", "I"), ("newest_event", "I"),
        ),
    ),
    COUNTERS: ("COUNTERS", (("first_slot", "B"), ("bin_count", "H"), ("boots", "I"), ("openings", "*"))),
    TESTED: ("TESTED", (("findings", "H"), ("doors_open", "8s"))),
    ALIVE: ("ALIVE", (("uptime_ms", "I"), ("flags", "H"), ("newest_event", "I"))),
    EVENT: ("EVENT", (("event", "B"), ("slot", "B"), ("value", "H"), ("uptime_ms", "I"))),
    REFUSED: ("REFUSED", (("command", "B"), ("code", "B"), ("version", "B"))),
}  # fmt: skip
"""Kind -> (name, fields in their order)."""

UNSIGNED = (HELLO, PAIR, REFUSED)
"""May come outside a session, without a MAC. So may a WELCOME of a board that has no key, and the RESULT of such a PAIR."""

# Result codes, in RESULT and REFUSED
OK = 0
ALREADY_OPEN = 1
NOT_AUTHENTICATED = 2
WRONG_VERSION = 3
NO_SUCH_MESSAGE = 4
BAD_PAYLOAD = 5
NOT_PAIRED = 6
PAIRING_CLOSED = 7
NO_SUCH_SLOT = 8
OTHER_OPEN = 9
BUSY = 10
BIN_FULL = 11
BIN_OPEN = 12
TAMPERED = 13
NOT_FITTED = 14
FLASH_FAILED = 15

CODES = (
    "OK", "ALREADY_OPEN", "NOT_AUTHENTICATED", "WRONG_VERSION", "NO_SUCH_MESSAGE", "BAD_PAYLOAD", "NOT_PAIRED",
    "PAIRING_CLOSED", "NO_SUCH_SLOT", "OTHER_OPEN", "BUSY", "BIN_FULL", "BIN_OPEN", "TAMPERED", "NOT_FITTED",
    "FLASH_FAILED",
)  # fmt: skip
"""Names of the codes, by their number."""

# Events
DOOR = 1
CARD = 2
COIL_LIMIT = 3
JAM = 4
FLAP = 5
DROP = 6
DROP_ENDED = 7
BIN_FULL_CHANGED = 8
BIN_DOOR = 9
TAMPER = 10
EVENTS_LOST = 11

EVENTS = (
    "", "DOOR", "CARD", "COIL_LIMIT", "JAM", "FLAP", "DROP", "DROP_ENDED", "BIN_FULL_CHANGED", "BIN_DOOR", "TAMPER",
    "EVENTS_LOST",
)  # fmt: skip
"""Names of the events, by their number."""

DOOR_CLOSED, DOOR_OPENED, DOOR_FORCED = 0, 1, 2
"""Values of DOOR: FORCED is a door that opened without a command, by the service key or by force."""

# Reasons for a start
CAUSES = ("unknown", "power", "watchdog", "software")
"""Names of `reset_cause`, by their number."""

# Bits of `flags`
FLAG_TAMPER = 1
FLAG_BIN_FULL = 2
FLAG_BIN_OPEN = 4
FLAG_FLAP_OPEN = 8
FLAG_COIL_ON = 16
FLAG_SERVICE = 32
FLAG_COUNTERS_LOST = 64

# Bits of `features`
HAS_DROP = 1
HAS_BUZZER = 2
HAS_TAMPER = 4
HAS_SERVICE_BUTTON = 8
HAS_CARD_SENSORS = 16
HAS_FLAP_SERVO = 32

# Bits of `findings`
FOUND_DOOR_OPEN = 1
FOUND_TAMPER = 2
FOUND_BIN_OPEN = 4
FOUND_COUNTERS_LOST = 8
FOUND_FLASH_FAILED = 16
FOUND_JAMMED = 32
FOUND_DROP_SENSOR_ON = 64

# CLEAR_COUNTERS
CLEAR_BIN, CLEAR_OPENINGS = 1, 2

# Patterns of lamps and buzzer
LAMP_OFF, LAMP_ON, LAMP_SLOW, LAMP_FAST = 0, 1, 2, 3
BUZZER_OFF, BUZZER_SHORT, BUZZER_TWICE, BUZZER_LONG = 0, 1, 2, 3

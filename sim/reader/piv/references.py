"""Names of what PIV knows by number: slots, data objects, algorithms (SP 800-73-4 part 1 tables 2 to 6, SP 800-78-4).

>>> hex(CERTIFICATE_OBJECTS[KeyReference.AUTHENTICATION])
'0x5fc105'
"""

from enum import IntEnum

AID = bytes.fromhex("A000000308000010000100")
"""PIV card application, version 1.00 (SP 800-73-4 part 1, 2.2)."""
RID = AID[:5]
PIX = AID[5:]


class KeyReference(IntEnum):
    """Key references (part 1 table 4b)."""

    AUTHENTICATION = 0x9A
    MANAGEMENT = 0x9B
    SIGNATURE = 0x9C
    KEY_MANAGEMENT = 0x9D
    CARD_AUTHENTICATION = 0x9E


FIRST_RETIRED, LAST_RETIRED = 0x82, 0x95


class AlgorithmReference(IntEnum):
    """Cryptographic mechanism identifiers (SP 800-78-4 table 6-2; RSA_3072: SP 800-78-5). 00 is another name of 03."""

    TRIPLE_DES = 0x03
    RSA_2048 = 0x07
    RSA_3072 = 0x05
    AES_128 = 0x08
    AES_192 = 0x0A
    AES_256 = 0x0C
    P256 = 0x11
    P384 = 0x14
    ED25519 = 0xE0
    """A vendor's own number (YubiKey 5.7)."""


DISCOVERY = 0x7E
CHUID = 0x5FC102
FINGERPRINTS = 0x5FC103
CAPABILITIES = 0x5FC107
FACE = 0x5FC108
PRINTED = 0x5FC109
KEY_HISTORY = 0x5FC10C
_FIRST_RETIRED_OBJECT = 0x5FC10D
NEEDS_PIN = frozenset({FINGERPRINTS, FACE, PRINTED})
"""Objects that are read only after VERIFY (part 1 table 2)."""

CERTIFICATE_OBJECTS: dict[int, int] = {
    KeyReference.AUTHENTICATION: 0x5FC105,
    KeyReference.SIGNATURE: 0x5FC10A,
    KeyReference.KEY_MANAGEMENT: 0x5FC10B,
    KeyReference.CARD_AUTHENTICATION: 0x5FC101,
    **{slot: _FIRST_RETIRED_OBJECT + slot - FIRST_RETIRED for slot in range(FIRST_RETIRED, LAST_RETIRED + 1)},
}
"""The data object with the certificate of each slot."""

GLOBAL_REFERENCE, PIN_REFERENCE, PUK_REFERENCE = 0x00, 0x80, 0x81
CODE_LENGTH = 8
FILLER = 0xFF

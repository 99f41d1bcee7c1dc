"""APDUs of SP 800-73-4 part 2 beyond ISO/IEC 7816-4, and three vendor commands of tokens.

Nothing here sends anything. The management key is only ever spoken of by challenge and answer.

>>> get_data(DISCOVERY, 256).encode().hex()
'00cb3fff035c017e00'
"""

from drivers.reader import tlv
from drivers.reader.apdu import SHORT_LE, CommandApdu

DISCOVERY = 0x7E
CHUID = 0x5FC102
CCC = 0x5FC107
KEY_HISTORY = 0x5FC10C
"""Tags of data objects (part 1, table 3)."""
MANAGEMENT = 0x9B
"""Key reference of the card management key (part 1, table 4b)."""
_DYNAMIC_AUTHENTICATION = 0x7C
_WITNESS, _CHALLENGE, _RESPONSE = 0x80, 0x81, 0x82
"""Tags within the dynamic authentication template (part 2, table 7)."""


def get_data(tag: int, le: int) -> CommandApdu:
    """GET DATA (3.1.2)."""
    return CommandApdu("GET DATA", 0x00, 0xCB, 0x3F, 0xFF, tlv.encode(0x5C, _tag(tag)), le)


def put_data(tag: int, content: bytes) -> CommandApdu:
    """PUT DATA (3.3.2) of an object in tag 53; empty content deletes it."""
    return CommandApdu("PUT DATA", 0x00, 0xDB, 0x3F, 0xFF, tlv.encode(0x5C, _tag(tag)) + tlv.encode(0x53, content))


def sign(algorithm: int, key: int, prepared: bytes) -> CommandApdu:
    """GENERAL AUTHENTICATE with a private key (3.2.4, part 2 appendix A.4)."""
    body = tlv.encode(_RESPONSE, b"") + tlv.encode(_CHALLENGE, prepared)
    return _authenticate(algorithm, key, body)


def ask_challenge(algorithm: int) -> CommandApdu:
    """GENERAL AUTHENTICATE: give a challenge for the management key (appendix A.1)."""
    return _authenticate(algorithm, MANAGEMENT, tlv.encode(_CHALLENGE, b""))


def answer_challenge(algorithm: int, answer: bytes) -> CommandApdu:
    """GENERAL AUTHENTICATE: the challenge, enciphered (appendix A.1)."""
    command = _authenticate(algorithm, MANAGEMENT, tlv.encode(_RESPONSE, answer))
    return CommandApdu(command.name, command.cla, command.ins, command.p1, command.p2, command.data)


def ask_witness(algorithm: int) -> CommandApdu:
    """GENERAL AUTHENTICATE: give a witness of the management key (appendix A.1, mutual authentication)."""
    return _authenticate(algorithm, MANAGEMENT, tlv.encode(_WITNESS, b""))


def answer_witness(algorithm: int, witness: bytes, challenge: bytes) -> CommandApdu:
    """GENERAL AUTHENTICATE: the witness deciphered, and a challenge for the card to encipher (appendix A.1)."""
    body = tlv.encode(_WITNESS, witness) + tlv.encode(_CHALLENGE, challenge) + tlv.encode(_RESPONSE, b"")
    return _authenticate(algorithm, MANAGEMENT, body)


def generate_key_pair(algorithm: int, key: int) -> CommandApdu:
    """GENERATE ASYMMETRIC KEY PAIR (3.3.1)."""
    template = tlv.encode(0xAC, tlv.encode(0x80, bytes((algorithm,))))
    return CommandApdu("GENERATE ASYMMETRIC KEY PAIR", 0x00, 0x47, 0x00, key, template, SHORT_LE)


def get_metadata(reference: int) -> CommandApdu:
    """GET METADATA of a key or code: a vendor's command (INS F7), where the profile says that the card has it."""
    return CommandApdu("GET METADATA", 0x00, 0xF7, 0x00, reference, le=SHORT_LE)


def delete_key(key: int) -> CommandApdu:
    """MOVE KEY to nowhere: a vendor's command (INS F6), where the profile says that the card has it."""
    return CommandApdu("MOVE KEY", 0x00, 0xF6, 0xFF, key)


def get_serial() -> CommandApdu:
    """GET SERIAL: a vendor's command (INS F8)."""
    return CommandApdu("GET SERIAL", 0x00, 0xF8, le=SHORT_LE)


def get_version() -> CommandApdu:
    """GET VERSION: a vendor's command (INS FD)."""
    return CommandApdu("GET VERSION", 0x00, 0xFD, le=SHORT_LE)


def _authenticate(algorithm: int, key: int, body: bytes) -> CommandApdu:
    data = tlv.encode(_DYNAMIC_AUTHENTICATION, body)
    return CommandApdu("GENERAL AUTHENTICATE", 0x00, 0x87, algorithm, key, data, SHORT_LE)


def _tag(tag: int) -> bytes:
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")

"""Parsers of PKCS#15 objects (ISO/IEC 7816-15). Pure, and every byte is hostile.

An object that cannot be read is left out and the others are kept, because one odd entry must not hide the rest of a
card; a file in which nothing can be read is a `TlvError`. Clause numbers are those of ISO/IEC 7816-15:2016.

>>> parse_token_info(bytes.fromhex("300a0201000401aa030205a0")).serial.hex()
'aa'
"""

from collections.abc import Callable
from typing import TypeVar

from drivers.reader import tlv
from drivers.reader.iso7816 import MF, Alphabet
from drivers.reader.pkcs15.values import (
    AlgorithmInfo,
    ApplicationEntry,
    CertificateObject,
    CodeFlag,
    CodeObject,
    DataObject,
    DirectoryKind,
    FilePath,
    KeyObject,
    OdfEntry,
    PublicKeyObject,
    TokenInfo,
)
from drivers.reader.tlv import Tlv, TlvError

MAX_APPLICATIONS = 16
"""Most entries of EF.DIR that are looked at."""
MAX_PATH = 16
MAX_ENTRIES = 64
"""Most objects of one directory file."""
MAX_CODE = 64
"""Longest code, in bytes, that a card may claim to store."""
PIN_BLOCK_DIGITS = 12
"""Of ISO 9564-1 format 2."""
MAX_VALUE = 256
"""So much of a data object that stands in its entry is kept."""
T = TypeVar("T")


def parse_dir(data: bytes) -> tuple[ApplicationEntry, ...]:
    """Applications named in EF.DIR (ISO/IEC 7816-4 8.2.2.1). Raises TlvError."""
    entries = [node for node in tlv.parse_prefix(data) if node.tag == 0x61]
    return tuple(_kept(entries[:MAX_APPLICATIONS], _application))


def _application(node: Tlv) -> ApplicationEntry:
    aid, label, path, more = (node.find(tag) for tag in (0x4F, 0x50, 0x51, 0x73))
    odf, token_info = (more.find(tlv.SEQUENCE), more.find(0xA0)) if more else (None, None)
    return ApplicationEntry(
        aid.value[:16] if aid else b"", label.text() if label else "", _path_value(path.value) if path else b"",
        _lenient_path(odf), _lenient_path(token_info),
    )  # fmt: skip


def parse_odf(data: bytes) -> tuple[OdfEntry, ...]:
    """Entries of EF(ODF) (8.3), each once, at most `MAX_ENTRIES`. Raises TlvError."""
    kinds = {int(directory) for directory in DirectoryKind}
    entries = _kept([node for node in tlv.parse_prefix(data) if node.tag in kinds], _odf_entry)
    return tuple(dict.fromkeys(entries))[:MAX_ENTRIES]


def _odf_entry(node: Tlv) -> OdfEntry:
    directory = DirectoryKind(node.tag)
    direct = node.find(0xA0)
    return OdfEntry(directory, direct.value if direct else _file_path(node.child(tlv.SEQUENCE)))


def parse_token_info(data: bytes) -> TokenInfo:
    """EF(TokenInfo), 8.10. Raises TlvError."""
    nodes = tlv.parse_prefix(data)
    if not nodes or nodes[0].tag != tlv.SEQUENCE:
        raise TlvError("EF(TokenInfo) is not a SEQUENCE")
    serial, maker, label = (nodes[0].find(tag) for tag in (tlv.OCTET_STRING, tlv.UTF8_STRING, 0x80))
    return TokenInfo(
        serial.value[:64] if serial else b"", maker.text() if maker else "", label.text() if label else "",
        _supported(nodes[0]),
    )  # fmt: skip


def _supported(token: Tlv) -> tuple[AlgorithmInfo, ...]:
    """supportedAlgorithms; none where the list cannot be read, because a card is known without it."""
    try:
        algorithms = token.find(0xA2)
        return tuple(_kept(list(algorithms.children[:MAX_ENTRIES]), _algorithm)) if algorithms else ()
    except TlvError:
        return ()


def _algorithm(node: Tlv) -> AlgorithmInfo:
    """Number and mechanism come first; a last INTEGER, after parameters and operations, is the card's own reference."""
    fields = node.children
    if len(fields) < 2:
        raise TlvError("an algorithm without its mechanism")
    own = [field for field in fields[3:] if field.tag == tlv.INTEGER]
    return AlgorithmInfo(fields[0].small(255), fields[1].small(0x7FFFFFFF), own[-1].small(255) if own else None)


def parse_codes(data: bytes) -> tuple[CodeObject, ...]:
    """Password objects of an AODF (8.9); biometric templates and keys are left out. Raises TlvError."""
    return tuple(_kept(_objects(data, tlv.SEQUENCE), _code))


def _code(node: Tlv) -> CodeObject:
    common, own, attributes = _parts(node)
    fields = attributes.children
    numbers = [child.small(255) for child in fields if child.tag == tlv.INTEGER]
    kind, flags = attributes.child(tlv.ENUMERATED), attributes.child(tlv.BIT_STRING).bits()
    reference, path = attributes.find(0x80), attributes.find(tlv.SEQUENCE)
    if len(numbers) < 2 or numbers[1] > MAX_CODE:
        raise TlvError("a code without its lengths")
    alphabet = Alphabet(kind.small(4))
    longest = numbers[2] if len(numbers) > 2 else _characters(alphabet, numbers[1]) or MAX_CODE
    return CodeObject(
        auth_id=own.child(tlv.OCTET_STRING).value[:32], label=_label(common), puk_id=_auth_id(common), flags=flags,
        alphabet=alphabet, min_length=numbers[0], stored_length=numbers[1], max_length=min(longest, MAX_CODE),
        reference=_reference(reference) if reference else 0,
        pad=_pad(attributes, flags), path=_lenient_path(path),
    )  # fmt: skip


def _characters(alphabet: Alphabet, stored: int) -> int:
    """So many characters fit into the stored bytes: two digits a byte in BCD, and at most twelve in a PIN block."""
    if alphabet is Alphabet.BCD:
        return 2 * stored
    return min(2 * stored, PIN_BLOCK_DIGITS) if alphabet is Alphabet.ISO_9564_1 else stored


def _pad(attributes: Tlv, flags: frozenset[int]) -> int | None:
    if CodeFlag.NEEDS_PADDING not in flags:
        return None
    pad = attributes.find(tlv.OCTET_STRING)
    return pad.value[0] if pad and pad.value else 0xFF


def parse_keys(data: bytes) -> tuple[KeyObject, ...]:
    """Private keys of a PrKDF (8.4): RSA (SEQUENCE) and elliptic curve ([0]). Raises TlvError."""
    return tuple(_kept(_objects(data, tlv.SEQUENCE, 0xA0), _key))


def _key(node: Tlv) -> KeyObject:
    common, own, attributes = _parts(node)
    reference, path = own.find(tlv.INTEGER), attributes.find(tlv.SEQUENCE)
    return KeyObject(
        id=own.child(tlv.OCTET_STRING).value[:32], label=_label(common), auth_id=_auth_id(common),
        usage=own.child(tlv.BIT_STRING).bits(), reference=_reference(reference) if reference else 0,
        path=_lenient_path(path), elliptic=node.tag == 0xA0,
        algorithms=_algorithms(own), consent=common.find(tlv.INTEGER) is not None,
    )  # fmt: skip


def _algorithms(own: Tlv) -> tuple[int, ...]:
    """algReference (8.4): numbers into TokenInfo's list; none where they cannot be read."""
    references = own.find(0xA1)
    try:
        return (
            tuple(node.small(255) for node in references.children if node.tag == tlv.INTEGER)[:16] if references else ()
        )
    except TlvError:
        return ()


def parse_public_keys(data: bytes) -> tuple[PublicKeyObject, ...]:
    """Public keys of a PuKDF (8.5): RSA (SEQUENCE) and elliptic curve ([0]). Raises TlvError."""
    return tuple(_kept(_objects(data, tlv.SEQUENCE, 0xA0), _public_key))


def _public_key(node: Tlv) -> PublicKeyObject:
    _common, own, attributes = _parts(node)
    direct = attributes.find(0xA0)
    value = direct.value if direct else _file_path(attributes.child(tlv.SEQUENCE))
    return PublicKeyObject(own.child(tlv.OCTET_STRING).value[:32], value)


def parse_certificates(data: bytes) -> tuple[CertificateObject, ...]:
    """X.509 certificates of a CDF (8.6). Raises TlvError."""
    return tuple(_kept(_objects(data, tlv.SEQUENCE), _certificate))


def _certificate(node: Tlv) -> CertificateObject:
    common, own, attributes = _parts(node)
    authority, direct = own.find(tlv.BOOLEAN), attributes.find(0xA0)
    value = _direct(direct) if direct else _file_path(attributes.child(tlv.SEQUENCE))
    return CertificateObject(
        own.child(tlv.OCTET_STRING).value[:32], _label(common), bool(authority and any(authority.value)), value
    )


def parse_data_objects(data: bytes) -> tuple[DataObject, ...]:
    """Data objects of a DODF (8.8), whatever they hold (a value, an external object, one named by OID). Raises TlvError."""
    return tuple(_kept(_objects(data, tlv.SEQUENCE, 0xA0, 0xA1), _data_object))


def _data_object(node: Tlv) -> DataObject:
    children = node.children
    if len(children) < 3 or children[0].tag != tlv.SEQUENCE or children[1].tag != tlv.SEQUENCE:
        raise TlvError("an object without its attributes")
    name, number = children[1].find(tlv.UTF8_STRING), children[1].find(tlv.OID)
    application = name.text()[:64] if name else _dotted(number.value) if number else ""
    type_attributes = node.child(0xA1)
    path = type_attributes.find(tlv.SEQUENCE)
    where = path if path and path.find(tlv.OCTET_STRING) else None
    direct = type_attributes.find(0xA0)
    value = _file_path(where) if where else (direct.value if direct else type_attributes.value)[:MAX_VALUE]
    return DataObject(_label(children[0]), application, value)


def _dotted(value: bytes) -> str:
    """An OBJECT IDENTIFIER in dots (X.690 8.19); empty where it is none, or one of absurd length."""
    if not value or len(value) > 32 or value[-1] & 0x80:
        return ""
    arcs, arc = [], 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(part) for part in (first, arcs[0] - 40 * first, *arcs[1:]))


def lists_codes(data: bytes) -> bool:
    """Is that an AODF, by what it holds? Nothing else has the lengths of a code where a code has them. Raises TlvError."""
    entries = _objects(data, tlv.SEQUENCE)
    return bool(entries) and len(_kept(entries, _code)) == len(entries)


def lists_certificates(data: bytes) -> bool:
    """Is that a CDF, by what it holds? Keys have a usage, codes have flags before their path. Raises TlvError."""
    entries = _objects(data, tlv.SEQUENCE)
    return bool(entries) and _kept(entries, _is_certificate).count(True) == len(entries)


def _is_certificate(node: Tlv) -> bool:
    _common, own, attributes = _parts(node)
    _certificate(node)
    return own.find(tlv.BIT_STRING) is None and attributes.children[0].tag in (tlv.SEQUENCE, 0xA0)


def _direct(node: Tlv) -> bytes:
    """A certificate inside its entry: tagged explicitly, or with its own SEQUENCE tag replaced."""
    inside = node.children
    if len(inside) == 1 and inside[0].tag == tlv.SEQUENCE:
        return inside[0].raw
    return tlv.encode(tlv.SEQUENCE, node.value)


def _objects(data: bytes, *tags: int) -> list[Tlv]:
    return [node for node in tlv.parse_prefix(data) if node.tag in tags][:MAX_ENTRIES]


def _kept(nodes: list[Tlv], read: Callable[[Tlv], T]) -> list[T]:
    """Return what can be read of the nodes."""
    values: list[T] = []
    for node in nodes:
        try:
            values.append(read(node))
        except TlvError:
            continue
    return values


def _parts(node: Tlv) -> tuple[Tlv, Tlv, Tlv]:
    """Common, class and type attributes of an object (8.2.1); sub-class attributes are not needed here."""
    children = node.children
    if len(children) < 3 or children[0].tag != tlv.SEQUENCE or children[1].tag != tlv.SEQUENCE:
        raise TlvError("an object without its attributes")
    return children[0], children[1], node.child(0xA1).child(tlv.SEQUENCE)


def _label(common: Tlv) -> str:
    label = common.find(tlv.UTF8_STRING)
    return label.text()[:64] if label else ""


def _auth_id(common: Tlv) -> bytes:
    auth_id = common.find(tlv.OCTET_STRING)
    return auth_id.value[:32] if auth_id else b""


def _reference(node: Tlv) -> int:
    """A reference is one byte; cards write 0x80..0xFF as a negative number."""
    number = node.integer()
    if not -128 <= number <= 255:
        raise TlvError("a reference outside its range")
    return number % 256


def _file_path(node: Tlv) -> FilePath:
    """Path (8.2.5): OCTET STRING, INTEGER index, [0] length."""
    index, length = node.find(tlv.INTEGER), node.find(0x80)
    return FilePath(
        _path_value(node.child(tlv.OCTET_STRING).value),
        index.small(0x7FFF) if index else 0,
        length.small(tlv.MAX_BYTES) if length else None,
    )


def _lenient_path(node: Tlv | None) -> bytes:
    """The path alone, of what is known without it too: an odd one, or an empty one ("here"), costs the path."""
    try:
        return b"" if node is None else _file_path(node).path
    except TlvError:
        return b""


def _path_value(path: bytes) -> bytes:
    """Whole file identifiers, at most eight levels, and never the MF again on the way (a loop)."""
    steps = [path[at : at + 2] for at in range(0, len(path), 2)]
    if not path or len(path) % 2 or len(path) > MAX_PATH or MF in steps[1:]:
        raise TlvError("a path that leads nowhere")
    return path

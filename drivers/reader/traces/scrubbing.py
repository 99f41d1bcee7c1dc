"""Scrubbing of what was exchanged with a card: codes, certificates, names, numbers and signatures of a recording.

It fails closed: a certificate that is not found in the answers, a code that does not stand in its command as typed, or a name
that is still there after all was mapped, and there is no trace.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from drivers.reader.traces.reissue import PLACES, Names, PrivateKey, Reissuer, der_parts
from drivers.reader.traces.trace import CODE_COMMANDS, SignatureForm, Span, Step, TraceError

_PLACES = tuple(x509.ObjectIdentifier(f"2.5.4.{oid[-1]}") for oid in PLACES)
SELECT = b"\xa4"
CHUID = bytes.fromhex("cb3fff055c035fc102")
"""GET DATA of the card holder unique identifier (SP 800-73-4 part 1, 3.1.2)."""
NAMES_A_CARD = (0x30, 0x34, 0x36, 0x3E)
ENCODINGS = ("utf-8", "latin-1", "utf-16-be", "utf-16-le")
MOST_UNPACKED = 16 * 1024
WINDOW = 12
"""So many equal bytes are taken for a piece of a certificate."""
SHORTEST = 3
"""Words of fewer signs are no name: they are not looked for in answers."""


@dataclass(frozen=True, slots=True)
class MadeSignature:
    """A signature that was made while it was recorded."""

    message: bytes = field(repr=False)
    signed: Signed


class Scrubber:
    """Works on all answers as one stream, since a certificate comes in many."""

    def __init__(self, exchanges: Sequence[tuple[bytes, bytes]], facts: CardFacts | None) -> None:
        self._facts = facts
        self._commands = [bytearray(command) for command, _ in exchanges]
        self._status = [answer[-2:] for _, answer in exchanges]
        self._starts: list[int] = []
        stream = bytearray()
        for command, answer in exchanges:
            self._starts.append(len(stream))
            data = answer[:-2]
            stream += bytes(len(data)) if facts is None and command[1:2] != SELECT else data
        self._original, self._stream = bytes(stream), stream
        self._pieces = bytearray(len(stream))
        """1 where a piece of a certificate stands."""
        self._spans: list[list[Span]] = [[] for _ in exchanges]
        self._names = Names()
        self._reissuer = Reissuer(self._names)
        self._words: set[str] = set()
        self.code_lengths: dict[int, int] = {}
        """By reference of a code (P2)."""

    def cover_codes(self, codes: Sequence[bytes]) -> None:
        """Zeros where a code went out. Raises TraceError."""
        for number, command in enumerate(self._commands):
            if len(command) <= 5 or command[1] not in CODE_COMMANDS:
                continue
            code = next((code for code in sorted(codes, key=len, reverse=True) if code in command[5:]), None)
            if code is None:
                raise TraceError("a code went out in a form that is not known here; record without it")
            at = command.index(code, 5)
            command[at : at + len(code)] = bytes(len(code))
            self._spans[number].append(Span(what="code", at=at, length=len(code)))
            self.code_lengths[command[3]] = len(code)

    def cover_signature(self, number: int, made: MadeSignature) -> SignatureForm:
        """The hash in its command, the signature in its answer, and how the twin makes one. Raises TraceError."""
        signed = made.signed
        hash_name: Literal["sha256", "sha384"] = "sha384" if signed.algorithm == "ES384" else "sha256"
        digest = hashlib.new(hash_name, made.message).digest()
        raw = _raw_form(signed)
        form = next((name for name, value in raw.items() if value in self._original), None)
        if form is None or not self._cover_hash(number, digest):
            raise TraceError("a signature went out in a form that is not known here; record without it")
        self._cover_answer(number, self._original.index(raw[form]), len(raw[form]))
        self._reissuer.certificate(signed.certificate)
        return SignatureForm(
            key=_pkcs8(self._reissuer.keys[signed.certificate]), hash=hash_name, form=form, length=len(raw[form])
        )

    def _cover_hash(self, number: int, digest: bytes) -> bool:
        """Each time that it was sent, also where it is spread over the commands of a chain (ISO/IEC 7816-4 5.3.3)."""
        fields = [_data_field(command) for command in self._commands]
        sent = b"".join(command[slice(*place)] for command, place in zip(self._commands, fields, strict=True))
        for match in re.finditer(re.escape(digest), sent):
            self._cover_piece(number, fields, match.start(), match.end())
        return digest in sent

    def _cover_piece(self, number: int, fields: Sequence[tuple[int, int]], at: int, to: int) -> None:
        passed = 0
        for step, (begin, end) in enumerate(fields):
            first, last = max(at, passed), min(to, passed + end - begin)
            if first < last:
                place, length = begin + first - passed, last - first
                self._commands[step][place : place + length] = bytes(length)
                span = Span(what="hash", at=place, length=length, signature=number, start=first - at)
                self._spans[step].append(span)
            passed += end - begin

    def _cover_answer(self, number: int, at: int, length: int) -> None:
        self._stream[at : at + length] = bytes(length)
        for step, (begin, end) in enumerate(self._bounds()):
            first, last = max(at, begin), min(at + length, end)
            if first < last:
                span = Span(what="signature", at=first - begin, length=last - first, signature=number, start=first - at)
                self._spans[step].append(span)

    def map_certificates(self) -> None:
        """Every certificate in the answers, whole or in pieces. Raises TraceError."""
        compressed = dict(_compressed(self._original))
        certificates = {*_certificates(self._original), *compressed.values()}
        if any(
            certificate.der not in certificates
            for certificate in (self._facts.certificates if self._facts is not None else ())
        ):
            raise TraceError("a certificate that does not stand in the answers as it is")
        windows: dict[bytes, list[tuple[bytes, int]]] = {}
        for der in sorted(certificates):
            self._reissuer.certificate(der)
            self._words |= _words_of(der)
            for at in range(len(der) - WINDOW + 1):
                windows.setdefault(der[at : at + WINDOW], []).append((der, at))
        self._replace_pieces(windows)
        for member, der in compressed.items():
            self._replace_member(member, self._reissuer.issued[der])

    def _replace_member(self, member: bytes, der: bytes) -> None:
        """A compressed certificate, in as many bytes: a comment fills what is left (RFC 1952 2.3). Raises TraceError."""
        packed = zlib.compressobj(9, zlib.DEFLATED, 31, 9)
        made = packed.compress(der) + packed.flush()
        if (rest := len(member) - len(made)) < 0:
            raise TraceError("a compressed certificate whose new one is longer: record again")
        if rest:
            made = made[:3] + b"\x10" + made[4:10] + b"-" * (rest - 1) + b"\0" + made[10:]
        at = self._original.find(member)
        while at >= 0:
            self._stream[at : at + len(member)] = made
            self._pieces[at : at + len(member)] = b"\x01" * len(member)
            at = self._original.find(member, at + 1)

    def _replace_pieces(self, windows: dict[bytes, list[tuple[bytes, int]]]) -> None:
        stream, at = self._original, 0
        while at + WINDOW <= len(stream):
            places = windows.get(stream[at : at + WINDOW])
            if places is None:
                at += 1
                continue
            length, der, begin = max((_common(stream, at, der, begin), der, begin) for der, begin in places)
            self._stream[at : at + length] = self._reissuer.issued[der][begin : begin + length]
            self._pieces[at : at + length] = b"\x01" * length
            at += length

    def map_identifiers(self) -> None:
        """In the CHUID of a PIV card: FASC-N, GUID, the cardholder's UUID, and the signature over them. Raises TraceError."""
        for step, command in enumerate(self._commands):
            if CHUID not in command or self._status[step][:1] not in (b"\x90", b"\x61"):
                continue
            begin = self._starts[step]
            try:
                _, at, to = next(der_parts(self._stream, begin, len(self._stream)), (0, begin, begin))
                for tag, first, last in list(der_parts(self._stream, at, to)):
                    if tag in NAMES_A_CARD:
                        self._map_bytes_at(first, last - first, self._names.blob(bytes(self._stream[first:last])))
            except (ValueError, IndexError):
                raise TraceError("a card's unique identifier that cannot be read") from None

    def map_words(self) -> None:
        """Names and numbers elsewhere: labels, the token's serial, the card's number."""
        facts = self._facts
        numbers: set[str] = set() if facts is None else {facts.serial, facts.card_number}
        if facts is not None:
            self._words |= set(_split(f"{facts.holder.name} {facts.holder.hsa_id} {' '.join(numbers)}"))
        for word in sorted(self._words, key=len, reverse=True):
            self._map_text(word)
        for number in numbers:
            if _is_hex(number) and len(number) >= 4:
                old = bytes.fromhex(number)
                self._map_bytes(old, self._names.blob(old))

    def _map_text(self, word: str) -> None:
        """However it is written, in capitals too."""
        for encoding in ENCODINGS:
            length = len(word.encode(encoding, "replace"))
            for at in self._places(word.encode(encoding, "replace")):
                text = bytes(self._stream[at : at + length]).decode(encoding)
                self._map_bytes_at(at, length, self._names.text(text).encode(encoding, "replace"))
        if _is_packed(word):
            self._map_bytes(bytes.fromhex(word), bytes.fromhex(self._names.text(word)))

    def _map_bytes(self, old: bytes, new: bytes) -> None:
        for at in self._places(old):
            self._map_bytes_at(at, len(old), new)

    def _map_bytes_at(self, at: int, length: int, new: bytes) -> None:
        if len(new) != length:
            raise TraceError("a name in letters that are not known here")
        self._stream[at : at + length] = new

    def _places(self, content: bytes) -> list[int]:
        """Outside of certificates, in which a few bytes may look like anything."""
        places, stream, content = [], bytes(self._stream).lower(), content.lower()
        at = stream.find(content)
        while at >= 0:
            if not any(self._pieces[at : at + len(content)]):
                places.append(at)
            at = stream.find(content, at + len(content))
        return places

    def steps(self) -> Iterator[Step]:
        """Yield the steps that go into the trace."""
        for number, (begin, end) in enumerate(self._bounds()):
            answer = bytes(self._stream[begin:end]) + self._status[number]
            command = self._commands[number].hex()
            yield Step(command=command, answer=answer.hex() if command else "", spans=tuple(self._spans[number]))

    def check_nothing_is_left(self) -> None:
        """Raises TraceError."""
        outside = bytes(sign for sign, piece in zip(self._stream, self._pieces, strict=True) if not piece)
        content = [outside.lower(), *(bytes(command).lower() for command in self._commands)]
        for word in self._words:
            written = [word.encode(encoding, "replace").lower() for encoding in ENCODINGS]
            written += [bytes.fromhex(word)] if _is_packed(word) else []
            if len(word) > SHORTEST and any(old in part for old in written for part in content):
                raise TraceError("a name or number of the card is left, in a form that is not known here")

    def _bounds(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, [*self._starts[1:], len(self._stream)], strict=True)


def _certificates(stream: bytes) -> Iterator[bytes]:
    """Yield whatever in it is the DER of a certificate."""
    at = stream.find(b"\x30\x82")
    while at >= 0:
        der = stream[at : at + 4 + int.from_bytes(stream[at + 2 : at + 4], "big")]
        try:
            x509.load_der_x509_certificate(der)
        except (ValueError, x509.InvalidVersion):
            pass
        else:
            yield der
        at = stream.find(b"\x30\x82", at + 1)


def _compressed(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Certificates that a PIV card keeps compressed (SP 800-73-4 part 1, appendix A): the gzip member, and the DER."""
    at = stream.find(b"\x1f\x8b\x08")
    while at >= 0:
        unpacking = zlib.decompressobj(31)
        try:
            der = unpacking.decompress(stream[at:], MOST_UNPACKED)
            x509.load_der_x509_certificate(der)
        except (zlib.error, ValueError, x509.InvalidVersion):
            pass
        else:
            yield stream[at : len(stream) - len(unpacking.unused_data)], der
        at = stream.find(b"\x1f\x8b\x08", at + 1)


def _words_of(der: bytes) -> set[str]:
    """Words of the subject that name somebody: none of an authority's, and not its organisation, by which a product may go."""
    certificate = x509.load_der_x509_certificate(der)
    if certificate.subject == certificate.issuer:
        return set()
    texts = [str(attribute.value) for attribute in certificate.subject if attribute.oid not in _PLACES]
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return set(_split(" ".join(texts)))
    return set() if constraints.ca else set(_split(" ".join(texts)))


def _split(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text) if len(word) >= SHORTEST and len(set(word)) > 1]


def _is_packed(word: str) -> bool:
    """Return whether cards may write it as two digits to a byte."""
    return word.isascii() and word.isdigit() and len(word) % 2 == 0 and len(word) >= 8


def _data_field(command: bytes | bytearray) -> tuple[int, int]:
    """Return where the data of a command stand (ISO/IEC 7816-3 12.1.3)."""
    if len(command) > 7 and command[4] == 0:
        return 7, 7 + int.from_bytes(command[5:7], "big")
    return (5, 5 + command[4]) if len(command) > 5 else (len(command), len(command))


def _common(stream: bytes, at: int, der: bytes, begin: int) -> int:
    length = WINDOW
    most = min(len(stream) - at, len(der) - begin)
    while length < most and stream[at + length] == der[begin + length]:
        length += 1
    return length


def _raw_form(signed: Signed) -> dict[Literal["pkcs1", "pss", "der", "raw"], bytes]:
    """The signature as an answer may hold it, by form."""
    if signed.algorithm == "PS256":
        return {"pss": signed.signature}
    if signed.algorithm == "RS256":
        return {"pkcs1": signed.signature}
    size = 48 if signed.algorithm == "ES384" else 32
    raw = b"".join(part.to_bytes(size, "big") for part in utils.decode_dss_signature(signed.signature))
    return {"der": signed.signature, "raw": raw}


def _pkcs8(key: PrivateKey) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False

"""Certificates issued anew for a trace: byte for byte of the same shape, with made-up keys, names and numbers.

Kept are issuers, validity, policies, uses and addresses: what a product profile goes by. Everything else that names somebody is
mapped, sign for sign; the keys are test keys, and so is the authority, whatever it is called. One value is mapped the same
everywhere, so that labels, directories and certificates still agree.
"""

import hashlib
import re
import secrets
import string
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.certificates.key_usage import is_authority
from drivers.reader.traces.trace import TraceError, has_personal_number

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MOST_TRIES = 2000
LETTERS = "adeilnrst"
"""Few, so that what is compressed on a card is no longer with made-up names than it was."""
PLACES = tuple(bytes.fromhex(f"5504{last:02x}") for last in (6, 7, 8, 10, 11))
"""Country, locality, state, organisation and unit (X.520): no person's, and what a product may be known by."""
_SKI, _AKI = bytes.fromhex("551d0e"), bytes.fromhex("551d23")
KEPT = {
    bytes.fromhex("551d0f"),  # keyUsage
    bytes.fromhex("551d25"),  # extKeyUsage
    bytes.fromhex("551d13"),  # basicConstraints
    bytes.fromhex("551d20"),  # certificatePolicies
    bytes.fromhex("551d1f"),  # cRLDistributionPoints
    bytes.fromhex("2b06010505070101"),  # authorityInfoAccess
    bytes.fromhex("2b06010505070103"),  # qcStatements
}
_ENCODINGS = {0x0C: "utf-8", 0x1E: "utf-16-be", **dict.fromkeys((0x12, 0x13, 0x14, 0x16, 0x1A), "latin-1")}
"""By the tag of a string (X.680 8.6)."""
_CURVE_BY_LENGTH: tuple[tuple[int, ec.EllipticCurve], ...] = (
    (72, ec.SECP256R1()), (104, ec.SECP384R1()), (139, ec.SECP521R1()),
)  # fmt: skip


class Names:
    """Mapping of words and numbers: letters to letters, digits to digits, one word always to the same."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._blobs: dict[bytes, bytes] = {}

    def text(self, text: str) -> str:
        """Word by word; what is neither letter nor digit stays."""
        return re.sub(r"[^\W_]+", lambda match: self._word(match.group()), text)

    def blob(self, value: bytes) -> bytes:
        """Bytes of a serial number, still positive where it was; one that tells nothing (`00`, `0000`) stays."""
        if len(set(value)) <= 1:
            return value
        if value not in self._blobs:
            made = secrets.token_bytes(len(value))
            self._blobs[value] = (
                bytes([made[0] % 0x7F + 1]) + made[1:] if value[0] < 0x80 and value[0] else value[:1] + made[1:]
            )
        return self._blobs[value]

    def serial(self, value: bytes) -> bytes:
        """A certificate's serial number: a few bytes that count and a filler, so that what was compressed gets no longer."""
        if value not in self._blobs:
            count = len(self._blobs).to_bytes(2, "big") + secrets.token_bytes(1)
            self._blobs[value] = (
                (bytes([0x11]) * len(value) + count)[-len(value) :] if len(value) > 3 else self.blob(value)
            )
        return self._blobs[value]

    def _word(self, word: str) -> str:
        if word.isdigit() and len(set(word)) == 1:  # as a token that tells no serial number
            return word
        if word not in self._words:
            self._words[word] = next(
                made
                for made in iter(lambda: "".join(map(_another, word)), "")
                if (made != word or len(word) < 2) and not has_personal_number(made.encode())
            )
        return self._words[word]


def _another(sign: str) -> str:
    if not sign.isascii():
        return secrets.choice("åäö" if sign.islower() else "ÅÄÖ")
    return secrets.choice(string.digits if sign.isdigit() else LETTERS if sign.islower() else LETTERS.upper())


class Reissuer:
    """Issues anew, and remembers: the same certificate, key or name gives the same again."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._keys: dict[object, PrivateKey] = {}
        self.issued: dict[bytes, bytes] = {}
        """New certificates by the old ones, DER."""
        self.keys: dict[bytes, PrivateKey] = {}
        """Test keys by the old certificates."""

    def certificate(self, der: bytes) -> bytes:
        """The certificate of the same shape. Raises TraceError."""
        if der not in self.issued:
            try:
                self.issued[der] = self._reissued(der)
            except (ValueError, TypeError, IndexError, x509.InvalidVersion):
                raise TraceError("a certificate that cannot be issued anew") from None
        return self.issued[der]

    def _reissued(self, der: bytes) -> bytes:
        old, made = x509.load_der_x509_certificate(der), bytearray(der)
        ((_, outer, end),) = der_parts(der, 0, len(der))
        (_, tbs, tbs_end), _, (_, signature, _) = der_parts(der, outer, end)
        fields = list(der_parts(der, tbs, tbs_end))
        fields = fields[1:] if fields[0][0] == 0xA0 else fields
        serial, _, issuer, _, subject, spki, *others = fields
        made[serial[1] : serial[2]] = self._names.serial(der[serial[1] : serial[2]])
        authority = is_authority(old)
        key = self._key_of(der, old, subject, authority)
        self.keys[der] = key
        _replace(
            made,
            _start(der, spki),
            spki[2],
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )
        if not authority:
            self._map_name(made, subject[1], subject[2])
        above = self._authority_key(der[issuer[1] : issuer[2]], old)
        for tag, at, to in others:
            if tag == 0xA3:
                ((_, first, last),) = der_parts(der, at, to)
                self._map_extensions(made, first, last, key, above)
        begin = _start(der, (0x30, tbs, tbs_end))
        made[signature + 1 :] = _signed(bytes(made[begin:tbs_end]), old, above, len(der) - signature - 1)
        return bytes(made)

    def _key_of(self, der: bytes, old: x509.Certificate, subject: "_Part", authority: bool) -> PrivateKey:
        public = old.public_key()
        if authority:
            return self._key((der[subject[1] : subject[2]], _kind(public)), public)
        return self._key(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), public)

    def _authority_key(self, name: bytes, below: x509.Certificate) -> PrivateKey:
        """Return the key of the test authority of this name; its size shows in the signature."""
        kind = _kind_by_signature(below)
        return self._key((name, kind), kind)

    def _key(self, name: object, like: object) -> PrivateKey:
        if name not in self._keys:
            kind = like if isinstance(like, tuple) else _kind(like)
            self._keys[name] = _generate(kind)
        return self._keys[name]

    def _map_name(self, made: bytearray, at: int, to: int) -> None:
        for _, rdn, rdn_end in der_parts(made, at, to):
            for _, pair, pair_end in der_parts(made, rdn, rdn_end):
                (_, oid, oid_end), value = der_parts(made, pair, pair_end)
                if bytes(made[oid:oid_end]) not in PLACES:
                    self._map_value(made, value)

    def _map_extensions(self, made: bytearray, at: int, to: int, key: PrivateKey, above: PrivateKey) -> None:
        for _, first, last in der_parts(made, at, to):
            (_, oid, oid_end), *_, (_, value, value_end) = der_parts(made, first, last)
            name = bytes(made[oid:oid_end])
            if name == _SKI:
                self._map_key_id(made, next(iter(der_parts(made, value, value_end))), key)
            elif name == _AKI:
                ((_, inner, inner_end),) = der_parts(made, value, value_end)
                for part in der_parts(made, inner, inner_end):
                    self._map_key_id(made, part, above) if part[0] == 0x80 else self._map_value(made, part)
            elif name not in KEPT:
                for part in der_parts(made, value, value_end):
                    self._map_value(made, part)

    def _map_key_id(self, made: bytearray, part: "_Part", key: PrivateKey) -> None:
        digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        length = part[2] - part[1]
        made[part[1] : part[2]] = (digest + hashlib.sha256(digest).digest() * 2)[:length]

    def _map_value(self, made: bytearray, part: "_Part") -> None:
        """Texts sign for sign, numbers and opaque bytes by others; object identifiers and truth values stay."""
        tag, at, to = part
        if tag & 0x20:
            for inner in der_parts(made, at, to):
                self._map_value(made, inner)
        elif (encoding := _ENCODINGS.get(tag, "latin-1" if tag & 0xC0 == 0x80 else "")) != "":
            _replace(made, at, to, self._names.text(bytes(made[at:to]).decode(encoding)).encode(encoding))
        elif tag in (0x02, 0x03, 0x04):
            made[at:to] = self._names.blob(bytes(made[at:to]))


_Part = tuple[int, int, int]
"""Tag, and where the content begins and ends."""


def der_parts(der: bytes | bytearray, at: int, to: int) -> Iterator[_Part]:
    """DER objects between two places, which are the same while their contents are replaced. Raises ValueError."""
    while at < to:
        tag, length, begin = der[at], der[at + 1], at + 2
        if tag & 0x1F == 0x1F or length == 0x80:
            raise ValueError("not the DER of a certificate")
        if length > 0x80:
            begin += length & 0x7F
            length = int.from_bytes(der[at + 2 : begin], "big")
        if begin + length > to:
            raise ValueError("longer than what it stands in")
        yield tag, begin, begin + length
        at = begin + length


def _start(der: bytes, part: _Part) -> int:
    """Return where the object itself begins, with tag and length."""
    length = part[2] - part[1]
    return part[1] - (2 if length < 0x80 else 2 + (length.bit_length() + 7) // 8)


def _replace(made: bytearray, at: int, to: int, content: bytes) -> None:
    if len(content) != to - at:
        raise ValueError("of another length")
    made[at:to] = content


def _kind(public: object) -> tuple[str, int]:
    if isinstance(public, rsa.RSAPublicKey):
        return "rsa", public.key_size
    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.curve.name, public.key_size
    raise ValueError("a kind of key that is not known here")


def _kind_by_signature(certificate: x509.Certificate) -> tuple[str, int]:
    if isinstance(certificate.signature_algorithm_parameters, ec.ECDSA):
        curve = next(curve for most, curve in _CURVE_BY_LENGTH if len(certificate.signature) <= most)
        return curve.name, curve.key_size
    return "rsa", len(certificate.signature) * 8


def _generate(kind: tuple[str, int]) -> PrivateKey:
    name, size = kind
    if name == "rsa":
        return rsa.generate_private_key(65537, size)
    return ec.generate_private_key(next(curve for _, curve in _CURVE_BY_LENGTH if curve.name == name))


def _signed(tbs: bytes, old: x509.Certificate, key: PrivateKey, length: int) -> bytes:
    """As the old one is signed, in as many bytes. Raises ValueError."""
    algorithm = old.signature_hash_algorithm
    if algorithm is None:
        raise ValueError("signed without a hash")
    digest = hashes.Hash(algorithm)
    digest.update(tbs)
    how = old.signature_algorithm_parameters
    return sign_in(key, digest.finalize(), algorithm, "der" if isinstance(how, ec.ECDSA) else how, length)


def sign_in(key: PrivateKey, digest: bytes, algorithm: hashes.HashAlgorithm, how: object, length: int) -> bytes:
    """A signature of so many bytes over a hash; DER of ECDSA differs in length, and is made until it fits. Raises ValueError."""
    for _ in range(MOST_TRIES):
        if isinstance(key, ec.EllipticCurvePrivateKey):
            made = key.sign(digest, ec.ECDSA(Prehashed(algorithm)))
        elif isinstance(how, padding.PKCS1v15 | padding.PSS):
            made = key.sign(digest, how, Prehashed(algorithm))
        else:
            break
        if len(made) == length:
            return made
    raise ValueError("no signature of that length")

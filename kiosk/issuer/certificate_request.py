"""Certificate signing request (CSR, PKCS#10, RFC 2986) for a key that never leaves its card: encoded here, signed by the card.

The subject is that of the certificate at hand, since an issuer renews only what names the same person (RFC 7030 4.2.2); a card
without one asks with the HSA-id alone, and the issuer names the holder by its register.
"""

from cryptography import x509

from drivers.reader import tlv
from drivers.reader.outcomes import Signed

_VERSION = bytes.fromhex("020100")
"""INTEGER 0: v1 (RFC 2986 4.1)."""
_EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
"""pkcs-9-at-extensionRequest (RFC 2985 5.4.2)."""
CARD_NUMBER = bytes.fromhex("06062a8570220201")
"""1.2.752.34.2.1: the certificate extension that holds the card number."""
_BIT_STRING, _OCTET_STRING, _PRINTABLE_STRING, _SEQUENCE, _SET, _ATTRIBUTES = 0x03, 0x04, 0x13, 0x30, 0x31, 0xA0
_ALGORITHMS = {
    "RS256": bytes.fromhex("300d06092a864886f70d01010b0500"),
    "PS256": bytes.fromhex(
        "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
        "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
    ),
    "ES256": bytes.fromhex("300a06082a8648ce3d040302"),
    "ES384": bytes.fromhex("300a06082a8648ce3d040303"),
}
"""AlgorithmIdentifier by JOSE name (RFC 4055 sections 3.1 and 5, RFC 5758 section 3.2)."""


class RequestError(Exception):
    """The parts do not make a request; the text says which."""


def request_to_sign(current: bytes | None, public_key: bytes, *, hsa_id: str = "", card_number: str = "") -> bytes:
    """CertificationRequestInfo in DER (RFC 2986 4.1), for the card to sign. Raises RequestError.

    `current`: the certificate whose subject is asked for again; without one, the subject is the HSA-id. `public_key`:
    SubjectPublicKeyInfo in DER. `card_number` goes along as a requested extension (RFC 2985 5.4.2).
    """
    try:
        subject = x509.load_der_x509_certificate(current).subject if current else _named(hsa_id)
    except ValueError:
        raise RequestError("the certificate at hand cannot be read") from None
    attributes = _extension_request(card_number) if card_number else b""
    return tlv.encode(_SEQUENCE, _VERSION + subject.public_bytes() + public_key + tlv.encode(_ATTRIBUTES, attributes))


def _named(hsa_id: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, hsa_id)] if hsa_id else [])


def _extension_request(card_number: str) -> bytes:
    value = tlv.encode(_PRINTABLE_STRING, card_number.encode("ascii"))
    extension = tlv.encode(_SEQUENCE, CARD_NUMBER + tlv.encode(_OCTET_STRING, value))
    return tlv.encode(_SEQUENCE, _EXTENSION_REQUEST + tlv.encode(_SET, tlv.encode(_SEQUENCE, extension)))


def signed_request(to_sign: bytes, signature: Signed) -> bytes:
    """The request in DER: what `request_to_sign` gave, and the card's signature over it. Raises RequestError."""
    algorithm = _ALGORITHMS.get(signature.algorithm)
    if algorithm is None:
        raise RequestError(f"no algorithm identifier for {signature.algorithm}")
    return tlv.encode(_SEQUENCE, to_sign + algorithm + tlv.encode(_BIT_STRING, b"\x00" + signature.signature))

"""Proof of possession: a card signs a mandate, which is verified here against the very certificate that names its holder.

Rules (docs/decisions, 0040): a fresh key pair for each visit, whose public half the card signs; the server's nonce where there is
one, else one of our own; nothing of a card is believed before its signature has been verified, and then only what that
certificate says.
"""

import base64
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from drivers.reader.errors import CardAnswerError
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed, Unknown
from drivers.reader.signatures.signing import verifies
from fleet.messages.mandates import Mandate, mandate_bytes
from kiosk.issuer.proof_ports import NotGenuine, NotSigned, PersonProof, Signer, Torn


class CardProofs:
    """Implements `Proofs` of `kiosk.issuer.ports`, for one station."""

    def __init__(self, station: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._station = station
        self._now = now

    async def prove(
        self, facts: CardFacts, sign: Signer, means: tuple[str, ...], nonce: str = ""
    ) -> PersonProof | NotGenuine | NotSigned | Torn:
        """See the port. Raises CardGoneError as `Visit.sign` does."""
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        made = self._now().isoformat(timespec="seconds").replace("+00:00", "Z")
        mandate = mandate_bytes(
            Mandate(
                self._station, nonce or secrets.token_hex(16), made, facts.card_number,
                base64.b64encode(public).decode(), means,
            )
        )  # fmt: skip
        try:
            outcome = await sign(mandate)
        except CardAnswerError:  # the reader found a signature that is not its key's
            return NotGenuine()
        match outcome:
            case Signed():
                return self._verified(facts, mandate, outcome, key, by_server=bool(nonce))
            case Unknown():
                return Torn()
            case _:
                return NotSigned()

    def _verified(
        self, facts: CardFacts, mandate: bytes, signed: Signed, key: Ed25519PrivateKey, *, by_server: bool
    ) -> PersonProof | NotGenuine:
        certificate = facts.certificate("identification")
        assert certificate is not None, "a card without one is not asked"
        try:
            genuine = verifies(certificate.der, mandate, signed.signature, signed.algorithm)
            hsa_id = hsa_id_of(certificate.der)
        except ValueError:
            return NotGenuine()
        if not genuine or hsa_id != facts.holder.hsa_id:
            return NotGenuine()
        return PersonProof(
            hsa_id, facts.card_number, self._station, mandate, certificate.der, signed.signature, signed.algorithm,
            key, by_server, certificate.loa, facts.hsa_ids,
        )  # fmt: skip


def hsa_id_of(der: bytes) -> str:
    """Return the HSA-id that a certificate names; empty where it names nobody, or more than one. Raises ValueError."""
    attributes = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(attributes[0].value).strip() if len(attributes) == 1 else ""

"""Dependencies of answers: the adapters of one issuer, and the region's data and rules.

>>> IssuerSide.__match_args__[0]
'certificates'
"""

from dataclasses import dataclass

from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.model import Channel
from fleet.server.issuers.ports import CardRegister, CertificateIssuer, DirectoryService, StatusSource


@dataclass(frozen=True, slots=True)
class IssuerSide:
    """The adapters and data that answers are made of."""

    certificates: CertificateIssuer
    register: CardRegister
    directory: DirectoryService
    keys: CardKeys
    rules: OfferRules
    status: StatusSource
    handovers: Channel = "interface"
    letters: Channel = "interface"
    unlocks: Channel = "interface"
    holds: bool = True
    """Whether the issuer's system has a hold; else its register marks cards."""
    by_hand: CertificatesByHand | None = None
    """Where people make certificates in the issuer's portal: `certificates` is this too."""

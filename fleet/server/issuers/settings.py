"""Settings of the issuer, `issuer.toml`: where it is, whom we trust, and what the region has decided. Paths are relative
to the file.

[link]
secure = "https://issuer.example"          # EST and REST, with our TLS certificate
public = "http://issuer.example"           # CRL and OCSP
ca = "tls-ca.pem"
certificate = "client.pem"
key = "client.key.pem"

[trust]
anchors = "anchors.pem"
authorities = "authorities.pem"
lists = ["/crl/3.crl", "/crl/2.crl"]
ocsp = "/ocsp"

[anonymous]                                 # an hour, of what nobody has proved to want
by_station = 3                              # holds, and letters for cards without business there
by_region = 10
states = 30                                 # cards without business there whose state is told

[levels]                                    # level of assurance by certificate policy
"1.2.752.74.5.3" = 3
"1.2.752.74.5.2" = 2
"""

import ssl
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.server.issuers.certificate_files import TrustedIssuers
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.issuers.http_client import client_tls
from fleet.server.issuers.model import Channel
from fleet.server.issuers.proofs.assurance import SHIPPED
from fleet.server.issuers.requests import AnonymousLimits
from fleet.server.process.default_settings import SettingsError, load_model


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkSettings(_Table):
    """Addresses, and who we are there."""

    secure: Annotated[str, Field(pattern=r"^https://")]
    public: Annotated[str, Field(pattern=r"^https?://")]
    ca: str
    certificate: str
    key: str


class TrustSettings(_Table):
    """PEM files, and the paths below `link.public`."""

    anchors: str
    authorities: str
    lists: tuple[str, ...] = ("/crl/3.crl", "/crl/2.crl")
    ocsp: str = "/ocsp"


class RuleSettings(_Table):
    """Days of validity, LoA2's last day, and whether reserve cards get certificates of level 2. `renewal_contract` and
    `reserve_contract` name the agreement with the issuer; without one no such certificate is offered."""

    renewal_contract: str = ""
    reserve_contract: str = ""
    window_days: Annotated[int, Field(ge=1, le=366)] = 180
    certificates_a_day: Annotated[int, Field(ge=0, le=1000)] = 20
    ordinary_days: Annotated[int, Field(ge=1, le=3653)] = 1826
    reserve_days: Annotated[int, Field(ge=1, le=3653)] = 180
    loa2_last_day: date | None = None
    reserve_level_2: bool = True


class AnonymousSettings(_Table):
    """Holds and letters an hour that nobody has proved to want, at a station and in the region; and unknown cards there."""

    by_station: Annotated[int, Field(ge=0, le=60)] = 3
    by_region: Annotated[int, Field(ge=0, le=1000)] = 10
    states: Annotated[int, Field(ge=0, le=600)] = 30


PolicyOid = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")]


EstName = Annotated[str, Field(pattern=r"^(\*|(identification|signature|reserve)-[23])$")]
EstLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{0,64}$")]


class IssuerSettings(_Table):
    link: LinkSettings
    trust: TrustSettings
    rules: RuleSettings = RuleSettings()
    anonymous: AnonymousSettings = AnonymousSettings()
    levels: dict[PolicyOid, Literal[2, 3]] = {}
    """Level of assurance by certificate policy; without any, that of test cards (`fleet.server.issuers.proofs.assurance`)."""
    labels: dict[EstName, EstLabel] = {}
    """The EST server's own labels by ours (`identification-3`), and `*` for all others; empty where it knows none."""
    region: str = ""
    """Folder of the region's data (`fleet.server.issuers.region_data`); empty where there is none."""
    card_keys: str = ""
    """File of the cards' own keys (`fleet.server.issuers.card_keys`)."""
    certificates: Channel = "interface"
    """How a card gets a new certificate. With `portal` people carry the request there, and the certificate back, as files."""
    handovers: Channel = "interface"
    """How the issuer hears that a card was handed over."""
    letters: Channel = "interface"
    """How a new code letter is ordered."""
    unlocks: Channel = "interface"
    """How an administrator who attends gets what unlocks a card: its key's response, or its PUK."""
    blocks: Channel = "interface"
    """How a card is blocked. With `portal` it is marked here until somebody has blocked it there."""
    holds: bool = True
    """The issuer's system can put a card on hold. Without, a reported card is marked here, and waits for somebody to block it."""
    base: Path = Path()

    @model_validator(mode="after")
    def _holds_with_blocks(self) -> "IssuerSettings":
        if self.holds and self.blocks == "portal":
            raise ValueError("blocks in a portal want holds = false: who takes no block by interface takes no hold")
        return self

    @classmethod
    def load(cls, path: Path) -> "IssuerSettings":
        """Raises SettingsError."""
        return load_model(path, cls)

    def tls(self) -> ssl.SSLContext:
        """Raises SettingsError."""
        link = self.link
        try:
            return client_tls(self.base / link.ca, self.base / link.certificate, self.base / link.key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"link: {link.ca}, {link.certificate} or {link.key}: {error.strerror}") from None

    def certificates_of(self, name: str) -> list[x509.Certificate]:
        """Of a PEM file. Raises SettingsError."""
        try:
            return x509.load_pem_x509_certificates((self.base / name).read_bytes())
        except OSError as error:
            raise SettingsError(f"{self.base / name}: {error.strerror}") from None
        except ValueError:
            raise SettingsError(f"{self.base / name}: no certificates in PEM") from None

    def trusted_issuers(self) -> TrustedIssuers:
        """Return the issuers whose certificates may go on cards. Raises SettingsError."""
        anchors, authorities = self.certificates_of(self.trust.anchors), self.certificates_of(self.trust.authorities)
        return TrustedIssuers(anchors, authorities, self.level_table())

    def level_table(self) -> Mapping[str, int]:
        """Level of assurance by policy: the region's, or that of test cards where it names none."""
        return self.levels or SHIPPED

    def anonymous_limits(self) -> AnonymousLimits:
        """As the log of requests takes them."""
        return AnonymousLimits(**dict(self.anonymous))

    def offer_rules(self) -> OfferRules:
        """As the rules take them."""
        rules = self.rules.model_dump(exclude={"renewal_contract", "reserve_contract"})
        return OfferRules(
            renewals=bool(self.rules.renewal_contract), reserve=bool(self.rules.reserve_contract), **rules
        )

"""Stations' own listener of `serve`: EST over TLS by the fleet's authority, and who may be believed to be a station there.

Rules: without `--station-http` there is none. It needs an issuing key (`kortkiosk-provision authority issue-issuing`) and shows
the broker's certificate, whose names are those by which stations reach the server. Behind a proxy that ends TLS it does not work:
stations believe the fleet's authority alone, and show their own certificate.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from starlette.applications import Starlette

from fleet.messages.statements import is_issued_by
from fleet.server.database.database import Database
from fleet.server.enrolment.est import EstServer, StationFacts
from fleet.server.enrolment.judging import EnrolmentJudge
from fleet.server.enrolment.revocation_files import RevocationFiles, issued_by_authority
from fleet.server.enrolment.service import ClaimTerms
from fleet.server.live_feed.topics import Changes
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.web.listener import Shield
from fleet.server.web.settings import WebSettings
from provisioning.authority import ISSUING_FILE, PUBLIC_FILE, AuthorityError
from provisioning.issuing import Issuing, read_issuing


class StationListenerError(Exception):
    """Stations cannot enrol here. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class IssuingParts:
    """Parts of a server that has an issuing key."""

    issuing: Issuing
    files: RevocationFiles
    judge: EnrolmentJudge
    _config: ServerConfig

    @classmethod
    def of(
        cls, config: ServerConfig, database: Database, changes: Changes, clock: Callable[[], datetime]
    ) -> "IssuingParts | None":
        """None where there is no issuing key. Writes the files about revoked stations. Raises StationListenerError, OSError."""
        try:
            issuing = Issuing.load(config.authority)
            if issuing is None:
                if config.station_http is None:
                    return None
                raise AuthorityError(
                    f"{config.authority / ISSUING_FILE} is missing; make an issuing key with `kortkiosk-provision authority"
                    " issue-issuing`, and export-server"
                )
            files = RevocationFiles(config.authority, config.revocations_directory, database, issuing, clock)
            files.write()
        except AuthorityError as error:
            raise StationListenerError(f"{'--station-http: ' if config.station_http else ''}{error}") from None
        judge = EnrolmentJudge(database, issuing, changes, clock, lambda: issued_by_authority(config.authority))
        return cls(issuing, files, judge, config)

    @property
    def shield(self) -> Shield:
        """TLS of the listener."""
        clients = (self._config.ca, self._config.authority / ISSUING_FILE)
        return Shield(self._config.server_file("broker.pem"), self._config.server_file("broker.key"), clients=clients)

    def app(self, clock: Callable[[], datetime], mqtt: Address) -> Starlette:
        """The application. `mqtt`: where the broker is that stations are to use."""
        return EstServer(self.judge, lambda: self._facts(mqtt), clock).app()

    def _facts(self, mqtt: Address) -> StationFacts:
        authority = self._config.authority
        public = json.loads((authority / PUBLIC_FILE).read_bytes())
        broker = mqtt if self._config.broker is not None else Address("", mqtt.port)
        trusted = tuple(x509.load_pem_x509_certificates(self._config.ca.read_bytes()))
        return StationFacts(trusted, read_issuing(authority), broker, public["signing_key"], public["verifier_key"])


def claim_terms(config: ServerConfig, at: Address) -> ClaimTerms:
    """Return the terms of claims: the address at which stations enrol, by the name of the pages where that is known,
    and the authority that vouches for the listener. Raises SettingsError, StationListenerError."""
    public = WebSettings.load(config.web).site.public if config.web is not None else ""
    host = urlsplit(public).hostname or at.host
    return ClaimTerms(f"https://{Address(host, at.port)}", authority_of_listener(config.authority))


def authority_of_listener(authority: Path) -> x509.Certificate:
    """The one that stations are to believe: it has issued what the listener shows. Raises StationListenerError."""
    broker, trusted = authority / "server/broker.pem", authority / "ca/ca.pem"
    try:
        shown = x509.load_pem_x509_certificate(broker.read_bytes())
        issuers = [
            certificate
            for certificate in x509.load_pem_x509_certificates(trusted.read_bytes())
            if is_issued_by(shown, certificate)
        ]
    except OSError as error:
        raise StationListenerError(f"{error.filename}: {error.strerror}") from None
    except ValueError:
        raise StationListenerError(f"{broker} or {trusted}: no certificate in PEM") from None
    if not issuers:
        raise StationListenerError(f"{broker} was not issued by the authority in {trusted}")
    return issuers[0]

"""EST client (RFC 7030): simpleenroll, simplereenroll and cacerts, as a registration authority with a TLS certificate.

The label of the path (3.2.2) says which kind of certificate is wanted: `identification-3`, `signature-3`, `reserve-2` and so
on. A renewal goes to simplereenroll; the request names the very subject of the present certificate (4.2.2), and whose card it
is has been proved by then (`checking.check_renewal`). A server may have labels of its own, or none (`labels` of issuer.toml).
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import DeclinedResult, IssuedResult
from fleet.messages.issuing import Offer
from fleet.server.issuers.certificate_files import cms_certificates
from fleet.server.issuers.http_client import IssuerHttp, Reply
from fleet.server.issuers.ports import CertificateRequest, IssuerAwayError
from fleet.server.issuers.proofs.certificate_chains import FAULTS

ROOT = "/.well-known/est"
REQUEST_TYPE, ANSWER_TYPE = "application/pkcs10", "application/pkcs7-mime"
MOST_TRIES = 3
MOST_WAIT_S = 3.0
"""A `Retry-After` (4.2.3) longer than this is the asker's to wait for."""

NOT_ANSWERED = (401, 404, 405)
"""No word about the request: the server does not know us, or the path."""

Sleep = Callable[[float], Awaitable[None]]


class EstIssuer:
    """Implements `CertificateIssuer`."""

    def __init__(
        self, http: IssuerHttp, sleep: Sleep = asyncio.sleep, labels: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`labels`: the server's own by ours, and `*` for all others; empty is none."""
        self._http = http
        self._labels = labels
        self._sleep = sleep

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        """Return the certificates that `cacerts` gives (4.1). Trust in them comes from elsewhere. Raises IssuerAwayError."""
        return _certificates(await self._http.get(f"{ROOT}/cacerts"))

    async def certificate(self, request: CertificateRequest) -> IssuedResult | DeclinedResult:
        """Enrol, or renew, and put the chain in order. Raises IssuerAwayError, also where the issuer wants more time."""
        operation = "simpleenroll" if request.current is None else "simplereenroll"
        path = "/".join(part for part in (ROOT, self._label(request.offer), operation) if part)
        headers = {"Content-Type": REQUEST_TYPE, "Content-Transfer-Encoding": "base64"}
        for _ in range(MOST_TRIES):
            reply = await self._http.post(path, base64.encodebytes(request.request), headers)
            if reply.status == 200:
                leaf, *others = _certificates(reply)
                return IssuedResult(_encoded(_ordered(leaf, (*others, *await self.authorities()))))
            if reply.status in NOT_ANSWERED:
                raise IssuerAwayError(f"{path}: HTTP {reply.status}; see labels and link of issuer.toml")
            if reply.status != 202:
                return DeclinedResult("issuer_refused")
            await self._wait(reply)
        raise IssuerAwayError(f"{path}: still being looked at")

    def _label(self, offer: Offer) -> str:
        label = f"{offer.profile}-{offer.loa}"
        return self._labels.get(label, self._labels.get("*", label))

    async def _wait(self, reply: Reply) -> None:
        try:
            seconds = float(reply.headers.get("Retry-After", ""))
        except ValueError:
            seconds = MOST_WAIT_S + 1
        if not 0 <= seconds <= MOST_WAIT_S:
            raise IssuerAwayError("the issuer takes its time with the request")
        await self._sleep(seconds)


def _certificates(reply: Reply) -> tuple[x509.Certificate, ...]:
    """The certificates of a certs-only CMS (RFC 7030 4.1.3 and 4.2.3), base64."""
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip()
    if reply.status != 200 or kind != ANSWER_TYPE:
        raise IssuerAwayError("EST: something else than certificates came")
    try:
        certificates = cms_certificates(base64.b64decode(reply.content))
    except FAULTS:
        raise IssuerAwayError("EST: certificates that cannot be read") from None
    if not certificates:
        raise IssuerAwayError("EST: no certificate came")
    return tuple(certificates)


def _ordered(leaf: x509.Certificate, others: tuple[x509.Certificate, ...]) -> list[x509.Certificate]:
    """The leaf and, by name, the authorities above it, without the self-signed one."""
    chain = [leaf]
    while len(chain) < 5:
        above = next(
            (other for other in others if other.subject == chain[-1].issuer and other.issuer != other.subject), None
        )
        if above is None or above in chain:
            break
        chain.append(above)
    return chain


def _encoded(chain: list[x509.Certificate]) -> tuple[str, ...]:
    return tuple(base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in chain)

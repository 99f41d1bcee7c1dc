"""EST server (RFC 7030) for stations: cacerts, csrattrs, simpleenroll and simplereenroll, and what else a new station is to know.

Rules:
- It has a listener of its own, with TLS by the fleet's authority and client certificates where they are shown: stations believe
  the authority of their claim and no other, and browsers are never asked for a certificate.
- `simpleenroll` takes HTTP Basic: the station's name and its claim code (3.2.3); `simplereenroll` the station's certificate
  (3.3.2).
- Waiting for approval is 202 with `Retry-After` (4.2.3). What is refused has a status of 4xx and a line of words for a person,
  whose first word is the reason as a code.
- Requests are limited by address before anything is computed.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fleet.server.enrolment.judging import EnrolmentJudge
from fleet.server.enrolment.model import EnrolmentRefused, IssuedChain, Outcome, Refusal, WaitsForApproval
from fleet.server.process.addresses import Address
from fleet.server.web.authorization import address_of
from fleet.server.web.middleware import MOST_BYTES, WholeBodies
from fleet.server.web.rate_limits import WINDOW, RateCounters, RateLimit, rate_limit_key
from provisioning.est import wire

MOST_REQUESTS = RateLimit("est", 300)
"""Of one address in a minute: a station that waits asks six times, and behind one address may be a hospital's."""
MOST_WRONG = RateLimit("est-wrong", 10)
MOST_NAME, MOST_CODE = 40, 64

_STATUS = {
    Refusal.WRONG_CODE: 401,
    Refusal.USED: 403,
    Refusal.EXPIRED: 403,
    Refusal.TRIED_TOO_OFTEN: 403,
    Refusal.REFUSED: 403,
    Refusal.RETIRED: 403,
    Refusal.OTHER_KEY: 409,
    Refusal.BAD_REQUEST: 400,
    Refusal.BAD_KEY: 400,
    Refusal.OTHER_NAME: 400,
    Refusal.NO_CERTIFICATE: 401,
    Refusal.REVOKED: 403,
    Refusal.TOO_MANY: 429,
}
WORDS = {
    Refusal.WRONG_CODE: "the station's name or its claim code is wrong",
    Refusal.USED: "the claim code has been used; ask operations for a new one",
    Refusal.EXPIRED: "the claim code's time is over; ask operations for a new one",
    Refusal.TRIED_TOO_OFTEN: "wrong codes were tried too often for this name; ask operations for a new one",
    Refusal.REFUSED: "operations have refused this station",
    Refusal.RETIRED: "a station of this name has left the fleet; operations take it back first",
    Refusal.OTHER_KEY: "another key uses this claim code already; ask operations who it is",
    Refusal.BAD_REQUEST: "the body is no PKCS#10 request in base64",
    Refusal.BAD_KEY: "the request must be for an EC key on P-256, and signed by it",
    Refusal.OTHER_NAME: "the request names somebody else than this station",
    Refusal.NO_CERTIFICATE: "show the certificate of a station of this fleet",
    Refusal.REVOKED: "the certificate has been revoked",
    Refusal.TOO_MANY: "too many requests; wait a while",
}


@dataclass(frozen=True, slots=True)
class StationFacts:
    """Facts that every new station is told. `broker.host` is empty where it is the host at which stations enrol."""

    authorities: tuple[x509.Certificate, ...]
    """As `ca.pem` has them."""
    issuing: tuple[x509.Certificate, ...]
    broker: Address
    signing_key: dict[str, str]
    verifier_key: str


class EstServer:
    """The application of the stations' listener. `facts` are read anew for each answer: keys are rotated."""

    def __init__(self, judge: EnrolmentJudge, facts: Callable[[], StationFacts], clock: Callable[[], datetime]) -> None:
        self._judge, self._facts, self._clock = judge, facts, clock
        self._counters = RateCounters()

    def app(self) -> Starlette:
        made = Starlette(
            routes=[
                Route(f"{wire.ROOT}/cacerts", self._authorities, methods=["GET"]),
                Route(f"{wire.ROOT}/csrattrs", self._attributes, methods=["GET"]),
                Route(f"{wire.ROOT}/simpleenroll", self._enrol, methods=["POST"]),
                Route(f"{wire.ROOT}/simplereenroll", self._renew, methods=["POST"]),
                Route(wire.IDENTITY, self._identity, methods=["GET"]),
            ]
        )
        made.add_middleware(WholeBodies)
        return made

    async def _authorities(self, request: Request) -> Response:
        """4.1: whom stations believe, and the issuing ones below."""
        if (late := self._limited(request)) is not None:
            return late
        facts = await asyncio.to_thread(self._facts)
        body = wire.write_certificates((*facts.authorities, *facts.issuing))
        return Response(body, headers=wire.BASE64, media_type=wire.CERTIFICATES_TYPE)

    async def _attributes(self, request: Request) -> Response:
        """4.5: what a request is to hold."""
        if (late := self._limited(request)) is not None:
            return late
        return Response(wire.write_attributes(), headers=wire.BASE64, media_type=wire.ATTRIBUTES_TYPE)

    async def _enrol(self, request: Request) -> Response:
        if (late := self._limited(request)) is not None:
            return late
        credentials = _basic(request)
        if credentials is None:
            return _refused(Refusal.WRONG_CODE)
        signing_request = await _request_in(request)
        if isinstance(signing_request, Refusal):
            return _refused(signing_request)
        outcome = await asyncio.to_thread(self._judge.enrol, *credentials, signing_request, address_of(request))
        if outcome == EnrolmentRefused(Refusal.WRONG_CODE):
            self._counters.take(MOST_WRONG, rate_limit_key(address_of(request)), self._clock())
        return _answer(outcome)

    async def _renew(self, request: Request) -> Response:
        if (late := self._limited(request, guesses=False)) is not None:
            return late
        shown = shown_certificate(request)
        if shown is None:
            return _refused(Refusal.NO_CERTIFICATE)
        signing_request = await _request_in(request)
        if isinstance(signing_request, Refusal):
            return _refused(signing_request)
        return _answer(await asyncio.to_thread(self._judge.renew, shown, signing_request, address_of(request)))

    async def _identity(self, request: Request) -> Response:
        """Name, epoch, broker and keys, for who shows a station's certificate."""
        if (late := self._limited(request, guesses=False)) is not None:
            return late
        shown = shown_certificate(request)
        identity = Refusal.NO_CERTIFICATE if shown is None else await asyncio.to_thread(self._judge.identity, shown)
        if isinstance(identity, Refusal):
            return _refused(identity)
        facts = await asyncio.to_thread(self._facts)
        return JSONResponse(
            {
                **asdict(identity),
                "broker": asdict(facts.broker),
                "signing_key": facts.signing_key,
                "verifier_key": facts.verifier_key,
            }
        )

    def _limited(self, request: Request, *, guesses: bool = True) -> Response | None:
        """429, or None where there is room. `guesses`: wrong codes from that address count; a certificate is no guess."""
        limit_key, now = rate_limit_key(address_of(request)), self._clock()
        usage = self._counters.take(MOST_REQUESTS, limit_key, now)
        wrong = self._counters.spent(MOST_WRONG, limit_key, now) if guesses else None
        if not usage.over and wrong is None:
            return None
        return _refused(Refusal.TOO_MANY, max(usage.seconds, wrong.seconds if wrong else 0))


def shown_certificate(request: Request) -> x509.Certificate | None:
    """The client certificate that TLS has verified (ASGI's extension `tls`)."""
    shown = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    return x509.load_pem_x509_certificate(shown[0].encode()) if shown else None


async def _request_in(request: Request) -> x509.CertificateSigningRequest | Refusal:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != wire.REQUEST_TYPE:
        return Refusal.BAD_REQUEST
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_BYTES:
        return Refusal.BAD_REQUEST
    try:
        return wire.read_request(await request.body())
    except wire.MessageError:
        return Refusal.BAD_REQUEST


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and code (RFC 7617)."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        name, colon, code = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    fits = scheme.lower() == "basic" and colon and 0 < len(name) <= MOST_NAME and len(code) <= MOST_CODE
    return (name, code) if fits else None


def _answer(outcome: Outcome) -> Response:
    match outcome:
        case IssuedChain(chain):
            media = f"{wire.CERTIFICATES_TYPE}; smime-type=certs-only"
            return Response(wire.write_certificates(chain), headers=wire.BASE64, media_type=media)
        case WaitsForApproval(retry_s):
            return PlainTextResponse("waiting: a person is to approve it\n", 202, {"Retry-After": str(retry_s)})
        case EnrolmentRefused(why):
            return _refused(why)


def _refused(why: Refusal, seconds: int = int(WINDOW.total_seconds())) -> Response:
    headers = {"Retry-After": str(seconds)} if why is Refusal.TOO_MANY else {}
    if why in (Refusal.WRONG_CODE, Refusal.NO_CERTIFICATE):
        headers |= {"WWW-Authenticate": 'Basic realm="station name and claim code"'}
    return PlainTextResponse(f"{why}: {WORDS[why]}\n", _STATUS[why], headers)

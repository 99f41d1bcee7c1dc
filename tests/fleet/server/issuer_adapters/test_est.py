"""EST from a server that is slow, odd, or not there: an away issuer is never taken for a refusal."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from fleet.messages.asking import DeclinedResult, IssuedResult
from fleet.messages.issuing import Offer
from fleet.server.issuer_adapters.est import ANSWER_TYPE, EstIssuer
from fleet.server.issuers.http_client import Reply
from fleet.server.issuers.ports import CertificateRequest, IssuerAwayError
from sim.issuer.authority import CertificateHierarchy

WANTED = CertificateRequest(b"request", Offer("signature", 3, "2031-03-02"), "9999", "TEST000000-0001")
KIND = {"Content-Type": f"{ANSWER_TYPE}; smime-type=certs-only"}


class Scripted:
    """Answers in order, as `IssuerHttp`; keeps what was asked."""

    def __init__(self, *replies: Reply, authorities: Reply) -> None:
        self._replies = list(replies)
        self._authorities = authorities
        self.asked: list[str] = []
        self.slept: list[float] = []

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        self.asked.append(path)
        return self._authorities

    async def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        self.asked.append(path)
        assert base64.b64decode(content) == WANTED.request
        return self._replies.pop(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> CertificateHierarchy:
    return CertificateHierarchy.load_or_create(tmp_path_factory.mktemp("ca"), datetime(2026, 3, 2, tzinfo=UTC))


@pytest.fixture
def asking(hierarchy: CertificateHierarchy) -> Callable[..., tuple[EstIssuer, Scripted]]:
    def make(*replies: Reply) -> tuple[EstIssuer, Scripted]:
        cms = base64.encodebytes(serialize_certificates(list(hierarchy.certificates), Encoding.DER))
        http = Scripted(*replies, authorities=Reply(200, cms, KIND))
        return EstIssuer(http, http.sleep), http  # type: ignore[arg-type]

    return make


def given(hierarchy: CertificateHierarchy) -> Reply:
    leaf = hierarchy.issuers[3].certificate
    return Reply(200, base64.encodebytes(serialize_certificates([leaf], Encoding.DER)), KIND)


async def test_the_label_says_what_is_wanted_and_waiting_is_short(
    asking: Callable[..., tuple[EstIssuer, Scripted]], hierarchy: CertificateHierarchy
) -> None:
    est, http = asking(Reply(202, b"", {"Retry-After": "2"}), given(hierarchy))
    assert isinstance(await est.certificate(WANTED), IssuedResult)
    assert http.slept == [2.0]
    assert http.asked[0] == "/.well-known/est/signature-3/simpleenroll"
    assert http.asked[-1] == "/.well-known/est/cacerts"


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(202, b"", {"Retry-After": "3600"})],
        [Reply(202, b"", {})],
        [Reply(202, b"", {"Retry-After": "1"})] * 3,
        [Reply(200, b"AAAA", KIND)],
        [Reply(200, b"!", KIND)],
        [Reply(200, b"<html>", {"Content-Type": "text/html"})],
    ],
)
async def test_what_cannot_be_used_now_is_an_issuer_that_is_away(
    asking: Callable[..., tuple[EstIssuer, Scripted]], replies: list[Reply]
) -> None:
    est, _ = asking(*replies)
    with pytest.raises(IssuerAwayError):
        await est.certificate(WANTED)


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_refusal_is_one(asking: Callable[..., tuple[EstIssuer, Scripted]], status: int) -> None:
    est, _ = asking(Reply(status, b"no", {}))
    assert await est.certificate(WANTED) == DeclinedResult("issuer_refused")


@pytest.mark.parametrize("status", [401, 404, 405])
async def test_a_server_that_knows_neither_us_nor_the_path_has_refused_nothing(
    asking: Callable[..., tuple[EstIssuer, Scripted]], status: int
) -> None:
    est, _ = asking(Reply(status, b"", {}))
    with pytest.raises(IssuerAwayError, match=rf"signature-3/simpleenroll: HTTP {status}; see labels"):
        await est.certificate(WANTED)


async def test_a_label_of_the_servers_own_is_used_and_none_where_it_knows_none(hierarchy: CertificateHierarchy) -> None:
    cms, asked = given(hierarchy), []
    for labels in ({"signature-3": "sign", "*": ""}, {"*": ""}, {"reserve-2": ""}):
        http = Scripted(cms, authorities=cms)
        await EstIssuer(http, http.sleep, labels).certificate(WANTED)  # type: ignore[arg-type]
        asked.append(http.asked[0])
    root = "/.well-known/est"
    assert asked == [f"{root}/sign/simpleenroll", f"{root}/simpleenroll", f"{root}/signature-3/simpleenroll"]

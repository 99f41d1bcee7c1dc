"""Chains and standing of cards' certificates, and the proofs that rest on them, over an authority of this test's own."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.asking import (
    BlockAsk,
    CertificateAsk,
    DeclinedResult,
    HoldAsk,
    LiftAsk,
    PersonAsk,
    PukAsk,
)
from fleet.messages.mandates import Proof
from fleet.server.database.database import Database
from fleet.server.issuers.ports import IssuerAwayError, Standing
from fleet.server.issuers.proofs import verification
from fleet.server.issuers.proofs.certificate_chains import SKEW, path, serial_number, standing_by_lists
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.proofs.verification import MOST, ProofJudge, Proven, Trusted
from sim.stories.room import authority
from tests.fakes.issuers.proving import STATION, CardHolder

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TICK, DAY = timedelta(seconds=1), timedelta(days=1)
WHO, NUMBER, OTHER = "TEST000000-0001", "9752269875", "9752269883"


@dataclass(frozen=True)
class Issuer:
    """A certificate, its key, and what it issues."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def root(cls, name: str = "Root") -> "Issuer":
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, made(name, key.public_key(), x509_name(name), key, ca=True))

    def authority(self, name: str, *, ca: bool | None = True) -> "Issuer":
        key = ec.generate_private_key(ec.SECP256R1())
        return Issuer(key, made(name, key.public_key(), self.certificate.subject, self.key, ca=ca))

    def leaf(self, **more: Any) -> x509.Certificate:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        return made("Holder", public, self.certificate.subject, self.key, **more)

    def revoked(self, until: datetime, *certificates: x509.Certificate, hold: bool | None = None) -> bytes:
        """A list of revoked certificates; `hold`: with certificateHold as the reason, another one, or none."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(NOW - DAY).next_update(until)
        for one in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(NOW - DAY)
            if hold is not None:
                flag = x509.ReasonFlags.certificate_hold if hold else x509.ReasonFlags.key_compromise
                entry = entry.add_extension(x509.CRLReason(flag), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def x509_name(*names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one) for one in names])


def made(
    name: str, public: ec.EllipticCurvePublicKey, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *,
    ca: bool | None = None, begins: datetime = NOW - DAY, ends: datetime = NOW + DAY, strange: bool = False,
    serials: Sequence[str] = (),
) -> x509.Certificate:  # fmt: skip
    attributes = [x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, one) for one in serials]
    subject = x509.Name([*x509_name(name), *attributes])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if strange:
        builder = builder.add_extension(x509.InhibitAnyPolicy(0), critical=True)
    return builder.sign(key, hashes.SHA256())


ROOT = Issuer.root()
ISSUER = ROOT.authority("Issuer")


def test_a_path_goes_over_authorities_to_an_anchor() -> None:
    leaf, anchors = ISSUER.leaf(), [ROOT.certificate]
    assert path(leaf, [ISSUER.certificate], anchors, NOW) == (leaf, ISSUER.certificate, ROOT.certificate)
    assert path(ROOT.leaf(), [], anchors, NOW) is not None
    assert path(leaf, [], anchors, NOW) is None
    assert path(leaf, [ISSUER.certificate], [], NOW) is None
    assert path(leaf, [], [ISSUER.certificate], NOW) == (leaf, ISSUER.certificate), "an anchor may be below another"
    twin = Issuer.root()
    assert path(leaf, [ISSUER.certificate], [twin.certificate], NOW) is None, "one of the same name"


@pytest.mark.parametrize(
    ("at", "good"),
    [(NOW - DAY - SKEW, True), (NOW - DAY - SKEW - TICK, False), (NOW + DAY, True), (NOW + DAY + TICK, False)],
)
def test_a_path_is_of_its_time(at: datetime, good: bool) -> None:
    root = Issuer.root("Long")
    long = made(
        "Long", root.key.public_key(), x509_name("Long"), root.key, ca=True, begins=NOW - 9 * DAY, ends=NOW + 9 * DAY
    )
    assert (path(root.leaf(), [], [long], at) is not None) is good


def test_what_is_no_authority_issues_nothing_and_what_is_critical_and_unknown_counts_for_nothing() -> None:
    for ca in (False, None):
        below = ROOT.authority("No authority", ca=ca)
        assert path(below.leaf(), [below.certificate], [ROOT.certificate], NOW) is None
    assert path(ROOT.leaf(strange=True), [], [ROOT.certificate], NOW) is None


@pytest.mark.parametrize(("between", "good"), [(2, True), (3, False)])
def test_a_path_is_four_certificates_long_at_most(between: int, good: bool) -> None:
    last, known = ROOT, list[x509.Certificate]()
    for number in range(between):
        last = last.authority(f"Authority {number}")
        known.append(last.certificate)
    assert (path(last.leaf(), known, [ROOT.certificate], NOW) is not None) is good


LEAF = ISSUER.leaf()


@pytest.mark.parametrize(
    ("lists", "standing"),
    [
        ([], "unknown"),
        ([ISSUER.revoked(NOW)], "good"),
        ([ISSUER.revoked(NOW - SKEW)], "good"),
        ([ISSUER.revoked(NOW - SKEW - TICK)], "unknown"),
        ([ROOT.revoked(NOW, LEAF)], "unknown"),
        ([ROOT.revoked(NOW, LEAF), ISSUER.revoked(NOW)], "good"),
        ([ISSUER.revoked(NOW, LEAF)], "revoked"),
        ([ISSUER.revoked(NOW, LEAF, hold=False)], "revoked"),
        ([ISSUER.revoked(NOW, LEAF, hold=True)], "suspended"),
        ([ISSUER.revoked(NOW, ISSUER.leaf())], "good"),
    ],
)
def test_how_a_certificate_stands_by_its_issuers_list(lists: list[bytes], standing: str) -> None:
    assert standing_by_lists(LEAF, lists, NOW) == standing


def test_a_subject_has_one_serial_number_or_says_nothing() -> None:
    assert serial_number(ROOT.leaf(serials=[WHO])) == WHO
    assert serial_number(ROOT.leaf()) == serial_number(ROOT.leaf(serials=[WHO, "TEST000000-0002"])) == ""


class Status:
    """The issuer's own word of a certificate."""

    def __init__(self, word: Standing | None) -> None:
        self.word, self.asked = word, list[tuple[x509.Certificate, x509.Certificate, datetime]]()

    async def standing(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Standing:
        self.asked.append((certificate, issuer, at))
        if self.word is None:
            raise IssuerAwayError("away")
        return self.word


ALVA = CardHolder.made(WHO, NUMBER)


class Judging:
    """A judge of proofs; the cards' authority is that of the virtual cards."""

    def __init__(self, database: Database, word: Standing | None = "good", lists: Sequence[bytes] = ()) -> None:
        self.nonces, self.status = Nonces(database), Status(word)
        trusted = Trusted(authority().anchors(), authority().intermediates(), lambda: lists)
        self.judge = ProofJudge(self.nonces, trusted, self.status)

    async def of(self, ask: PersonAsk, now: datetime = NOW, holder: CardHolder = ALVA, **changed: Any) -> str:
        """The reason why it proves nobody; else the HSA-id, and `suspended` behind it."""
        nonce = self.nonces.new(STATION, getattr(ask, "card_number", ""), now)
        came = await self.judge.people(STATION, holder.behind(ask, nonce, **changed), now)
        if isinstance(came, DeclinedResult):
            return came.reason
        (person,) = came
        assert (person.card_number, person.nonce) == (holder.card_number, nonce)
        return person.hsa_id + (" suspended" if person.suspended else "")


def puk(number: str = OTHER) -> PukAsk:
    return PukAsk(id="a" * 32, card_number=number, reply_key="")


def hold() -> HoldAsk:
    return HoldAsk(id="a" * 32, card_number=NUMBER, reason="lost", wanted="")


def block(number: str = NUMBER) -> BlockAsk:
    return BlockAsk(id="a" * 32, card_number=number, reason="lost", wanted="")


LIFT = LiftAsk(id="a" * 32, card_number=NUMBER)


@pytest.mark.parametrize(
    ("word", "ask", "why"),
    [
        ("good", puk(), WHO),
        ("revoked", puk(), "card_not_valid"),
        ("revoked", hold(), "card_not_valid"),
        ("suspended", puk(), "card_not_valid"),
        ("suspended", LIFT, f"{WHO} suspended"),
        ("suspended", hold(), f"{WHO} suspended"),
        ("suspended", block(), f"{WHO} suspended"),
        ("suspended", block(OTHER), "card_not_valid"),
        ("unknown", hold(), WHO),
        ("unknown", puk(), "status_unknown"),
        (None, puk(), "status_unknown"),
    ],
)
async def test_what_a_card_proves_as_it_stands(database: Database, word: Standing, ask: PersonAsk, why: str) -> None:
    judging = Judging(database, word)
    assert await judging.of(ask) == why
    ((certificate, issuer, at),) = judging.status.asked
    assert certificate == ALVA.key.certificate
    certificate.verify_directly_issued_by(issuer)
    assert at == NOW


async def test_a_block_waits_while_nobody_says_how_its_card_stands(database: Database) -> None:
    with pytest.raises(IssuerAwayError, match="revoked"):
        await Judging(database, None).of(block())


def renewal() -> CertificateAsk:
    return CertificateAsk(
        id="a" * 32, card_number=NUMBER, hsa_id=WHO, profile="identification", loa=3, request=""
    )  # fmt: skip


async def test_who_renews_may_have_a_certificate_that_has_ended_and_nobody_else(database: Database) -> None:
    late = ALVA.key.certificate.not_valid_after_utc + DAY
    judging = Judging(database)
    assert await judging.of(renewal(), late) == WHO
    assert await judging.of(LIFT, late) == "card_not_valid"
    assert await judging.of(renewal(), ALVA.key.certificate.not_valid_before_utc - DAY) == "card_not_valid"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mandate": {"station": "entre-b"}}, "other_station"),
        ({"mandate": {"means": (f"card.puk {NUMBER}",)}}, "not_meant"),
        ({"mandate": {"means": ("card.puk *", "*")}}, "not_meant"),
        ({"mandate": {"card_number": OTHER}}, "other_card"),
        ({"mandate": {"nonce": "0" * 32}}, "nonce_unknown"),
        ({"mandate": {"visit_key": ""}}, "bad_wish"),
        ({"wished": puk(NUMBER)}, "bad_wish"),
        ({"holder": CardHolder.made(WHO, NUMBER, "signature")}, "not_for_identification"),
    ],
)
async def test_a_proof_is_of_that_ask_that_station_and_that_card(
    database: Database, caplog: pytest.LogCaptureFixture, changed: dict[str, Any], why: str
) -> None:
    assert await Judging(database).of(puk(), **changed) == why
    assert f"{STATION}: a proof of card.puk does not hold: {why}" in caplog.text


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("mandate", "made up", "bad_mandate"),
        ("mandate", base64.b64encode(b"[]").decode(), "bad_mandate"),
        ("certificate", base64.b64encode(b"made up").decode(), "card_not_valid"),
        ("signature", base64.b64encode(b"made up").decode(), "bad_signature"),
        ("algorithm", "PS256", "bad_signature"),
        ("wish", "", "bad_wish"),
    ],
)
async def test_a_proof_with_a_changed_part_is_none(database: Database, field: str, value: str, why: str) -> None:
    judging, ask = Judging(database), puk()
    proof = ALVA.proof(ask, judging.nonces.new(STATION, OTHER, NOW))
    parts = {name: getattr(proof, name) for name in Proof.__struct_fields__}
    wrong = PukAsk(id=ask.id, card_number=OTHER, reply_key="", proofs=(Proof(**{**parts, field: value}),))
    assert await judging.judge.people(STATION, wrong, NOW) == DeclinedResult(why)


async def test_each_person_counts_once_and_a_heap_of_proofs_is_not_looked_at(database: Database) -> None:
    judging, bo = Judging(database), CardHolder.made("TEST000000-0002", OTHER)
    nonces = [judging.nonces.new(STATION, OTHER, NOW) for _ in range(3)]
    ask = ALVA.behind(ALVA.behind(bo.behind(puk(), nonces[0]), nonces[1]), nonces[2])
    came = await judging.judge.people(STATION, ask, NOW)
    assert not isinstance(came, DeclinedResult)
    assert [one.hsa_id for one in came] == [bo.hsa_id, WHO]
    assert isinstance(came[0], Proven)
    assert came[0].numbered
    heap = PukAsk(id="b" * 32, card_number=OTHER, reply_key="", proofs=ask.proofs * MOST)
    assert await judging.judge.people(STATION, heap, NOW) == DeclinedResult("bad_mandate")


def test_whether_an_issuer_of_ours_made_a_certificate(database: Database) -> None:
    mine = ALVA.key.certificate
    judge = Judging(database).judge
    assert judge.is_genuine(mine, NOW)
    assert judge.is_genuine(mine, mine.not_valid_after_utc + DAY), "it may have expired"
    assert not judge.is_genuine(LEAF, NOW)


@pytest.mark.parametrize(
    "fault",
    [
        ValueError(),
        TypeError(),
        UnsupportedAlgorithm(""),
        InvalidSignature(),
        x509.InvalidVersion("", 4),
        x509.DuplicateExtension("", x509.ExtensionOID.KEY_USAGE),
        x509.UnsupportedGeneralNameType(""),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_bytes_that_are_no_certificate_end_no_server(
    database: Database, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """Whatever the library raises when it looks into them."""

    def raises(*_: object) -> bool:
        raise fault

    monkeypatch.setattr(verification, "is_for_identification", raises)
    assert await Judging(database).of(puk()) == "card_not_valid"

"""Certificates of an issuer whose portal is for people: the request goes out as a file, and the certificate comes back as one;
and limits where its interface makes them."""

import base64
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace
from sqlalchemy import select

from drivers.reader.model import CardFacts, Holder
from fleet.messages.asking import (
    BlockAsk,
    CardStateAsk,
    CardStatus,
    CertificateAsk,
    DeclinedResult,
    InPortalResult,
    IssuedResult,
)
from fleet.messages.issuing import DirectoryPerson, Offer
from fleet.server.cards.service import CardService
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.issuers.certificate_files import FILE_FAULTS, FileRefusedError, certificates_in
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.issuers.certificates_by_hand import NOT_TAKEN, CertificatesByHand
from fleet.server.issuers.ports import CertificateRequest
from fleet.server.issuers.tables import certificate_requests
from fleet.server.people.queries import replace_administrators
from fleet.server.worklist.model import WorklistRow
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from sim.reader.pki import TestAuthority
from sim.stories.administrators import listed
from sim.stories.issued_certificates import issue
from sim.stories.room import authority
from tests.fakes.issuers.server_side import ADMIN, ALVA, AT, NOW, NUMBER, OTHER, WHO, Place, wish
from tests.fleet.server.conftest import KeptChanges

LAST_DAY = "2030-06-30"
OFFER = Offer("identification", 3, LAST_DAY)
ENDED = Offer("identification", 3, "2026-03-01")
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class CardKey:
    """A key that the card made, with its request: the subject is that of the certificate at hand."""

    private: ec.EllipticCurvePrivateKey

    def request(self) -> bytes:
        """Signed anew each time, as a card does."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(ALVA.key.certificate.subject)
        return builder.sign(self.private, hashes.SHA256()).public_bytes(Encoding.DER)

    @property
    def spki(self) -> str:
        return _text(self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@cache
def new_key(which: int = 0) -> CardKey:
    return CardKey(ec.generate_private_key(ec.SECP256R1()))


def certificate_ask(number: int, key: CardKey, **changed: Any) -> CertificateAsk:
    request = key.request()
    private = ALVA.key.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    values: dict[str, Any] = {
        "id": wish(number), "card_number": NUMBER, "hsa_id": WHO, "profile": "identification", "loa": 3,
        "request": _text(request), "current": _text(ALVA.key.certificate.public_bytes(Encoding.DER)),
        "proof": _text(private.sign(request, ec.ECDSA(hashes.SHA256()))), "algorithm": "ES256",
    }  # fmt: skip
    return CertificateAsk(**values | changed)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test")])
    made = Place(database, tmp_path)
    made.register.people[WHO] = DirectoryPerson(WHO, "Alva Test", employed_until=LAST_DAY)
    return made


@pytest.fixture
def by_hand(place: Place) -> CertificatesByHand:
    return place.with_certificates_by_hand()


def made(
    request: bytes, *, hsa_id: str = WHO, number: str = NUMBER, offer: Offer = OFFER, by: TestAuthority | None = None,
    later: timedelta = timedelta(),
) -> tuple[bytes, ...]:  # fmt: skip
    """What the portal makes of it: DER, the certificate first."""
    facts = CardFacts("", b"", "pkcs15", "", "00", number, Holder("Alva Test", hsa_id), (), (), b"")
    return issue(by or authority(), request, offer, facts, NOW + later).chain


def as_pem(chain: tuple[bytes, ...]) -> bytes:
    return b"".join(x509.load_der_x509_certificate(each).public_bytes(Encoding.PEM) for each in chain)


def as_p7b(chain: tuple[bytes, ...]) -> bytes:
    """A certs-only CMS, the authority first."""
    certificates = [cms.CertificateChoices({"certificate": asn1_x509.Certificate.load(each)}) for each in chain[::-1]]
    content = cms.SignedData(
        {
            "version": "v1", "digest_algorithms": [], "encap_content_info": {"content_type": "data"},
            "certificates": certificates, "signer_infos": [],
        }
    )  # fmt: skip
    der: bytes = cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()
    return der


FORMS: dict[str, Callable[[tuple[bytes, ...]], bytes]] = {
    "pem": as_pem,
    "cer": lambda chain: chain[0],
    "pem, the authority first": lambda chain: as_pem(chain[::-1]),
    "p7b": as_p7b,
    "p7b in base64": lambda chain: base64.encodebytes(as_p7b(chain)),
    "p7b in pem": lambda chain: bytes(pem.armor("PKCS7", as_p7b(chain))),
}


def worklist_of(place: Place, by_hand: CertificatesByHand | None = None) -> WorklistService:
    changes, clock = KeptChanges(), lambda: place.now
    cards = CardService(place.database, changes, clock)
    return WorklistService(
        place.database, cards, changes, clock, load_worklist(), load_deadlines(), certificates=by_hand
    )  # fmt: skip


def rows(place: Place) -> list[WorklistRow]:
    return worklist_of(place).rows()


def stored(place: Place) -> list[Any]:
    with place.database.reading.begin() as connection:
        return list(connection.execute(select(certificate_requests)))


async def offer_of(place: Place, number: int) -> Offer:
    said = await place.result(CardStateAsk(id=wish(number), card_number=NUMBER))
    assert isinstance(said, CardStatus)
    return next(each for each in said.offers if each.profile == "identification")


async def waiting(place: Place, key: CardKey | None = None) -> WorklistRow:
    """A request that a station has asked for."""
    assert await place.by(ALVA, certificate_ask(1, key or new_key())) == InPortalResult()
    (row,) = rows(place)
    return row


async def test_a_request_is_fetched_and_the_certificate_given_back_and_the_station_gets_it(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    assert (row.kind, row.card_number, row.hsa_id, row.station, row.cause) == (
        "certificate", NUMBER, WHO, "entre-a", "identification",
    )  # fmt: skip
    found = by_hand.file(row.subject)
    assert found is not None
    assert found == by_hand.file(row.subject), "it may be fetched again"
    asked = x509.load_pem_x509_csr(found.content.encode())
    chain = made(asked.public_bytes(Encoding.DER))
    worklist_of(place, by_hand).give_certificate(row, ADMIN, as_p7b(chain))
    assert rows(place) == []
    ask = certificate_ask(2, new_key())
    assert await place.by(ALVA, ask) == IssuedResult(tuple(map(_text, chain)))
    assert await place.by(ALVA, ask) == IssuedResult(tuple(map(_text, chain))), "asked again it is the same"
    (kept,) = stored(place)
    assert len(json.loads(kept.chain)) == 2, "the certificate and its authority, without the root"


def test_a_certificate_is_read_from_every_form_of_file() -> None:
    chain = made(new_key().request())
    for form, write in FORMS.items():
        found = {each.public_bytes(Encoding.DER) for each in certificates_in(write(chain))}
        assert chain[0] in found, form


async def test_the_station_sees_that_people_make_it_which_key_waits_and_when_it_is_there(
    place: Place, by_hand: CertificatesByHand
) -> None:
    assert await offer_of(place, 80) == replace(OFFER, by_hand=True)
    row = await waiting(place)
    assert await offer_of(place, 81) == replace(OFFER, by_hand=True, key=new_key().spki)
    by_hand.give(row.subject, as_pem(made(new_key().request())))
    assert await offer_of(place, 82) == replace(OFFER, by_hand=True, key=new_key().spki, ready=True)
    await place.by(ALVA, certificate_ask(2, new_key()), station="entre-b")
    assert await offer_of(place, 83) == replace(OFFER, by_hand=True, key=new_key().spki), "a station has it"


async def test_the_same_question_has_the_certificate_once_it_is_there(
    place: Place, by_hand: CertificatesByHand
) -> None:
    ask = certificate_ask(1, new_key())
    assert await place.by(ALVA, ask) == InPortalResult()
    assert await place.by(ALVA, ask) == InPortalResult()
    (row,) = rows(place)
    by_hand.give(row.subject, as_pem(made(new_key().request())))
    assert isinstance(await place.by(ALVA, ask), IssuedResult)
    assert [(each.outcome, each.people) for each in place.written()] == [("issued", f'["{WHO}"]')]


async def test_who_comes_back_asks_with_another_signature_of_the_same_key_and_puts_no_deadline_off(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    place.now += timedelta(hours=3)
    assert await place.by(ALVA, certificate_ask(2, new_key()), station="entre-b") == InPortalResult()
    (again,) = rows(place)
    assert (again.id, again.due, again.station) == (row.id, row.due, "entre-b"), "where the person is now"


async def test_a_new_key_of_the_card_takes_the_place_of_the_one_before(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    assert await place.by(ALVA, certificate_ask(2, new_key(1))) == InPortalResult()
    (newer,) = rows(place)
    assert newer.subject != row.subject
    with pytest.raises(FileRefusedError, match="given"):
        by_hand.give(row.subject, as_pem(made(new_key().request())))
    with pytest.raises(FileRefusedError, match="other_key"):
        by_hand.give(newer.subject, as_pem(made(new_key().request())))


async def test_a_certificate_is_given_back_once(place: Place, by_hand: CertificatesByHand) -> None:
    row = await waiting(place)
    by_hand.give(row.subject, as_pem(made(new_key().request())))
    kept = stored(place)
    with pytest.raises(FileRefusedError, match="given"):
        by_hand.give(row.subject, as_pem(made(new_key().request())))
    assert stored(place) == kept


def _certificate_of(asked: bytes, **changed: Any) -> bytes:
    return as_pem(made(asked, **changed))


def _other_key(asked: bytes) -> bytes:
    return as_pem(made(new_key(7).request()))


def _other_person(asked: bytes) -> bytes:
    return as_pem(made(_named(new_key(), OTHER), hsa_id=OTHER))


def _other_name(asked: bytes) -> bytes:
    return as_pem(made(_named(new_key(), WHO, "Somebody Else")))


def _named(key: CardKey, hsa_id: str, name: str = "Alva Test") -> bytes:
    oids = x509.oid.NameOID
    subject = x509.Name([x509.NameAttribute(oids.COMMON_NAME, name), x509.NameAttribute(oids.SERIAL_NUMBER, hsa_id)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key.private, hashes.SHA256()).public_bytes(Encoding.DER)


@cache
def stranger() -> TestAuthority:
    return TestAuthority.create(NOW)


WRONG: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a picture": ("no_certificate", lambda asked: b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "nothing": ("no_certificate", lambda asked: b""),
    "a torn file": ("no_certificate", lambda asked: _certificate_of(asked)[:400]),
    "a private key": ("no_certificate", lambda asked: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    "too much": ("too_large", lambda asked: bytes(40_000)),
    "too many": ("no_certificate", lambda asked: _certificate_of(asked) * 6),
    "the request, as it was fetched": (
        "is_request", lambda asked: x509.load_der_x509_csr(asked).public_bytes(Encoding.PEM),
    ),
    "the request in DER": ("is_request", lambda asked: asked),
    "another request's": ("other_key", _other_key),
    "the certificate that the card has": (
        "other_key", lambda asked: ALVA.key.certificate.public_bytes(Encoding.PEM),
    ),
    "another person's": ("other_person", _other_person),
    "another person's key and name": ("other_person", lambda asked: as_pem(made(_named(new_key(7), OTHER), hsa_id=OTHER))),
    "another name": ("other_name", _other_name),
    "another card's": ("other_card", lambda asked: _certificate_of(asked, number="9752269883")),
    "for signatures": ("other_use", lambda asked: _certificate_of(asked, offer=Offer("signature", 3, LAST_DAY))),
    "of level 2": ("other_level", lambda asked: _certificate_of(asked, offer=Offer("identification", 2, LAST_DAY))),
    "from tomorrow on": ("not_yet", lambda asked: _certificate_of(asked, later=timedelta(days=1))),
    "of last year": ("expired", lambda asked: _certificate_of(asked, offer=ENDED, later=-YEAR)),
    "beyond the assignment": ("too_long", lambda asked: _certificate_of(asked, offer=Offer("identification", 3, "2030-07-01"))),
    "of a stranger, who encloses his own authority": ("not_trusted", lambda asked: _certificate_of(asked, by=stranger())),
}  # fmt: skip


async def test_a_wrong_file_is_refused_with_its_reason_and_changes_nothing(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    before, came = stored(place), {}
    for file, (_, wrong) in WRONG.items():
        with pytest.raises(FileRefusedError) as refused:
            by_hand.give(row.subject, wrong(new_key().request()))
        came[file] = refused.value.fault
        assert (stored(place), rows(place)) == (before, [row]), file
    assert came == {file: fault for file, (fault, _) in WRONG.items()}
    assert await place.by(ALVA, certificate_ask(9, new_key())) == InPortalResult()
    assert {*came.values(), "given", "not_set_up"} == set(FILE_FAULTS), "every fault is shown"


async def test_a_server_without_an_issuer_takes_no_certificate(place: Place, by_hand: CertificatesByHand) -> None:
    row = await waiting(place)
    with pytest.raises(FileRefusedError, match="not_set_up"):
        worklist_of(place).give_certificate(row, ADMIN, as_pem(made(new_key().request())))


async def test_what_no_longer_holds_when_the_station_comes_for_it_waits_for_people_again(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    by_hand.give(row.subject, as_pem(made(new_key().request())))
    place.register.people[WHO] = DirectoryPerson(WHO, "Alva Test", employed_until="2027-01-01")
    place.now += timedelta(hours=1)
    assert await place.by(ALVA, certificate_ask(2, new_key())) == InPortalResult(), "the assignment ends sooner now"
    (again,) = rows(place)
    assert (again.cause, again.since) == (NOT_TAKEN, place.now)
    assert await place.by(ALVA, certificate_ask(3, new_key())) == InPortalResult()
    with pytest.raises(FileRefusedError, match="too_long"):
        by_hand.give(again.subject, as_pem(made(new_key().request())))


async def test_a_request_that_somebody_closed_is_gone_and_waits_anew_when_its_holder_asks_again(
    place: Place, by_hand: CertificatesByHand
) -> None:
    row = await waiting(place)
    place.now += timedelta(hours=1)
    worklist_of(place, by_hand).act(row, ADMIN, "close", "Kortet är på väg bort.")
    assert (rows(place), by_hand.file(row.subject)) == ([], None)
    place.now += timedelta(hours=1)
    assert await place.by(ALVA, certificate_ask(2, new_key())) == InPortalResult()
    (again,) = rows(place)
    assert again.since == place.now


async def test_a_card_that_was_blocked_meanwhile_needs_no_certificate(
    place: Place, by_hand: CertificatesByHand
) -> None:
    await waiting(place)
    await place.by(ALVA, BlockAsk(id=wish(5), card_number=NUMBER, reason="lost", wanted=AT))
    assert rows(place) == []


async def test_what_an_issuer_would_not_be_asked_waits_for_nobody(place: Place, by_hand: CertificatesByHand) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"proof": "AAAA"}, {"hsa_id": OTHER}, {"profile": "reserve"}, {"loa": 2}, {"current": None}, {"request": "AAAA"},
    )  # fmt: skip
    for number, changed in enumerate(changes):
        assert isinstance(await place.by(ALVA, certificate_ask(number, new_key(), **changed)), DeclinedResult), changed
    assert isinstance(await place.result(certificate_ask(20, new_key())), DeclinedResult), "nobody has proved it"
    assert (stored(place), rows(place)) == ([], [])


class Interface:
    """An issuer that makes by itself whatever it is asked for."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def certificate(self, wanted: CertificateRequest) -> IssuedResult:
        chain = made(wanted.request, offer=wanted.offer, later=self.place.now - NOW)
        return IssuedResult(tuple(map(_text, chain)))


async def test_by_an_interface_a_certificate_is_renewed_near_its_end_and_once(place: Place) -> None:
    place.issuer.parts = dataclasses.replace(place.issuer.parts, certificates=Interface(place))
    end = ALVA.key.certificate.not_valid_after_utc
    place.register.people[WHO] = DirectoryPerson(WHO, "Alva Test")

    async def come(number: int, **changed: Any) -> str:
        said = await place.by(
            ALVA, certificate_ask(number, CardKey(ec.generate_private_key(ec.SECP256R1())), **changed)
        )
        return said.reason if isinstance(said, DeclinedResult) else type(said).__name__

    assert await come(1) == "not_offered", "years before its end"
    place.now = end - timedelta(days=179)
    assert await come(2) == "IssuedResult"
    assert await come(3) == "IssuedResult", "on the same day, where the first went wrong"
    assert await come(4) == "not_offered"
    assert await come(5, profile="signature") == "IssuedResult", "the other use"
    place.now += timedelta(days=2)
    assert await come(6) == await come(7, profile="signature") == "not_offered"


async def test_a_station_has_so_many_certificates_made_a_day(place: Place) -> None:
    rules = OfferRules(certificates_a_day=1)
    place.issuer.parts = dataclasses.replace(place.issuer.parts, certificates=Interface(place), rules=rules)
    place.now = ALVA.key.certificate.not_valid_after_utc - timedelta(days=10)
    place.register.people[WHO] = DirectoryPerson(WHO, "Alva Test")
    assert isinstance(await place.by(ALVA, certificate_ask(1, new_key())), IssuedResult)
    signature = certificate_ask(2, new_key(1), profile="signature")
    assert await place.by(ALVA, signature) == DeclinedResult("too_many")
    place.now += timedelta(days=1, seconds=1)
    again = certificate_ask(3, new_key(1), profile="signature")
    assert isinstance(await place.by(ALVA, again), IssuedResult)

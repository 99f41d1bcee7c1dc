"""The station's issuer ports, through the server's answers and real TLS to the simulated issuer: one story for each."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from sqlalchemy import delete, insert, select, update

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import ReaderError
from drivers.reader.keys import Generated
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.secret import Secret
from fleet.agent import blocks, outbox, sync
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.outbox import EventChain
from fleet.agent.region import RegionFile
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.asking import BlockAsk, HoldAsk
from fleet.messages.issuing import AdministratorRole, CardRecord, DirectoryPerson, Offer
from fleet.messages.link import Administrator, Answer, ReceiptMailAsk
from fleet.messages.vocabulary import AskName, Effect, Outcome
from fleet.server.cards.stock.tables import reserve_cards
from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.tables import login_nonces
from fleet.server.orders.tables import orders
from fleet.server.people.queries import replace_administrators
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import alarms, stations
from kiosk.clock import SystemClock
from kiosk.config import Config
from kiosk.issuer.certificate_request import request_to_sign, signed_request
from kiosk.issuer.client import FleetIssuer, IssuerRequests
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway, keep_files
from kiosk.issuer.ports import (
    CardBlocked,
    CardBound,
    CardHeld,
    CardKeyResponse,
    CardWord,
    CertificateIssued,
    Found,
    HoldLifted,
    InPortal,
    LetterOrdered,
    LoggedIn,
    NotFound,
    PukReleased,
    RequestDeclined,
    RequestQueued,
    Unavailable,
)
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import NamedOutcome
from kiosk.station import journal as journal_module
from kiosk.station.build_fleet import region_listeners
from kiosk.station.fleet_orders import FleetOrders
from kiosk.station.journal import Journal
from kiosk.steps.identity.administrator import About, administrator_means
from sim.issuer.database import Seed
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from sim.stories.administrators import administrator, listed
from sim.stories.clock import NOW, HandClock
from sim.stories.patience import LIMIT_S
from sim.stories.room import authority, make_card, persona_of
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, CARD, HOLDER, PUK, STATION, Fleet, fleet, identity

STRANGER = persona_of("3:old")
ERRAND = "0b6cf0de-4a0e-4f43-8f0e-7f3a5a1c9d20"


class Listed:
    """The signed list of administrators; empty where it is past its time."""

    recent = True

    def __init__(self, *people: Administrator) -> None:
        self._people = people

    async def are_recent(self) -> bool:
        return self.recent

    async def administrator(self, hsa_id: str) -> Administrator | None:
        return next((one for one in self._people if one.hsa_id == hsa_id), None)


def trusted() -> TrustStore:
    return TrustStore(authority().anchors(), authority().intermediates())


class Ports:
    """The gateway's ports of a journey, by name."""

    def __init__(self, gateway: IssuerGateway, *people: Administrator, trust: TrustStore | None = None) -> None:
        found = gateway.ports(Listed(*people), trust or trusted())  # type: ignore[arg-type]
        self.issuer, self.blocking, self.card_keys = found["issuer"], found["blocking"], found["card_keys"]
        self.directory, self.administrators, self.switches = (
            found["directory"], found["administrators"], found["switches"],
        )  # fmt: skip
        self.proofs = found["proofs"]


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path / "fleet") as one:
        yield one


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(
        tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, journal_module.SCHEMA, *SCHEMAS]
    )
    yield made
    made.close()


@pytest.fixture
def taken() -> list[str]:
    """Kinds of the region's files that came."""
    return []


@pytest.fixture
def gateway(region: Fleet, store: StationStore, taken: list[str]) -> IssuerGateway:
    def on_files(files: Sequence[RegionFile]) -> None:
        taken.extend(file.kind for file in files)

    return IssuerGateway(identity(), store, region.link, HandClock(), on_files=on_files)


@pytest.fixture
async def ports(gateway: IssuerGateway) -> AsyncIterator[Ports]:
    tasks = gateway.start()
    yield Ports(gateway)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def inserted(name: str) -> AsyncIterator[CardVisit]:
    """A card in a reader, its PIN verified."""
    card = make_card(persona_of(name))
    slot = VirtualSlot("test reader")
    slot.insert(card)
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trusted(), now=lambda: NOW))
    async with visiting(reader) as visit:
        assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
        yield visit
    await reader.close()


class Answering:
    """A link to a server that answers that, or not at all."""

    def __init__(self, answer: Answer | Exception) -> None:
        self._answer = answer
        self.asked: list[object] = []

    async def ask(self, message: object, timeout_s: float) -> Answer:
        self.asked.append(message)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def requested(visit: CardVisit) -> tuple[bytes, Signed]:
    """A request for a new key in the card, and the old key's word for it."""
    current = visit.facts.certificate("identification")
    assert current is not None
    made = await visit.generate_key("43", "RSA-2048")
    assert isinstance(made, Generated)
    asked = request_to_sign(current.der, made.public_key, card_number=visit.facts.card_number)
    by_new = await visit.sign_with("43", asked)
    assert isinstance(by_new, Signed)
    request = signed_request(asked, by_new)
    by_old = await visit.sign("identification", request)
    assert isinstance(by_old, Signed)
    return request, by_old


ACTS = (
    AskName.CARD_BIND, AskName.CARD_BLOCK, AskName.CARD_CHALLENGE, AskName.CARD_HOLD, AskName.CARD_LETTER,
    AskName.CARD_LIFT, AskName.CARD_PUK, AskName.CERTIFICATE_REQUEST,
)  # fmt: skip


async def signed_by(ports: Ports, visit: CardVisit, about: str = "") -> PersonProof:
    """The proof of whose card is in, as a journey has it made: of all that may be asked `about` a card; their own where nothing
    is said, and to log in and read."""
    number = about or visit.facts.card_number
    word = await ports.directory.state(number)
    nonce = word.nonce if isinstance(word, CardWord) else ""
    meant = (*administrator_means(visit.facts), *About(number, ACTS).means)
    proof = await ports.proofs.prove(visit.facts, lambda message: visit.sign("identification", message), meant, nonce)
    assert isinstance(proof, PersonProof), proof
    return proof


async def proof_of(ports: Ports, name: str, about: str = "") -> PersonProof:
    """The same of a card that is put in and taken out."""
    async with inserted(name) as visit:
        return await signed_by(ports, visit, about)


async def logged_in(ports: Ports) -> LoggedIn:
    """With an act about the holder's card."""
    found = await ports.administrators.log_in(await proof_of(ports, "13:new"))
    assert isinstance(found, LoggedIn), found
    return replace(found, act=await proof_of(ports, "13:new", CARD))


async def state_of(ports: Ports, number: str = CARD) -> CardWord:
    word = await ports.directory.state(number)
    assert isinstance(word, CardWord), word
    return word


async def test_a_certificate_is_renewed_by_est_and_the_card_takes_it(region: Fleet, ports: Ports) -> None:
    async with inserted("1:old") as visit:
        offers = await ports.issuer.offers(visit.facts)
        assert offers == (Offer("identification", 3, "2031-03-02"), Offer("signature", 3, "2031-03-02"))
        request, proof = await requested(visit)
        told = {"facts": visit.facts, "errand": ERRAND, "proof": proof}
        assert await ports.issuer.certificate(request, offers[0], **told) == RequestDeclined("not_allowed"), (
            "in nobody's name"
        )
        told |= {"errand": "in the holder's", "people": (await signed_by(ports, visit),)}
        issued = await ports.issuer.certificate(request, offers[0], **told)
        assert isinstance(issued, CertificateIssued)
        assert await visit.write_certificate("43", issued.chain[0]) == Accepted()
        new = next(one for one in visit.facts.certificates if one.id == "43")
        assert (new.chain, new.loa, new.not_after.date().isoformat()) == ("ok", 3, "2031-03-02")
        again = await ports.issuer.certificate(request, offers[0], **told)
        assert again == issued, "asked again it is the same certificate"


async def test_a_receipt_can_be_mailed_only_where_the_server_says_so_now() -> None:
    """Its word alone: a server that is away, late, or does not know the question is a no."""
    for answer, can in (
        (Answer(ok=True, mail=True), True),
        (Answer(ok=True), False),
        (Answer(ok=False, error="bad_ask"), False),
        (LinkDown("away"), False),
        (AskTimeout("late"), False),
    ):
        asker = Answering(answer)
        assert await FleetIssuer(IssuerRequests(asker, None)).can_mail("TEST000000-0001") is can  # type: ignore[arg-type]
        assert asker.asked == [ReceiptMailAsk("TEST000000-0001")]


async def test_another_cards_key_proves_nothing(ports: Ports) -> None:
    async with inserted("1:old") as visit, inserted("2:old") as other:
        offer = Offer("identification", 3, "2031-03-02")
        request, _ = await requested(visit)
        proof = await other.sign("identification", request)
        assert isinstance(proof, Signed)
        said = await ports.issuer.certificate(request, offer, facts=visit.facts, errand=ERRAND, proof=proof)
        assert said == RequestDeclined("other_person")
        forged = replace(proof, certificate=visit.facts.certificate("identification").der)  # type: ignore[union-attr]
        said = await ports.issuer.certificate(request, offer, facts=visit.facts, errand="another", proof=forged)
        assert said == RequestDeclined("no_proof")


async def test_a_certificate_that_nobody_issued_proves_nothing(ports: Ports) -> None:
    """Name and key fit: a dishonest station has made the certificate itself."""
    persona = persona_of("1:old")
    key = ec.generate_private_key(ec.SECP256R1())
    made = TestAuthority.create(NOW).issue(persona, key.public_key(), "identification", NOW).public_bytes(Encoding.DER)
    async with inserted("1:old") as visit:
        facts = visit.facts
    asked = request_to_sign(made, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def by_key(message: bytes) -> Signed:
        return Signed(key.sign(message, ec.ECDSA(hashes.SHA256())), "ES256", made)

    request = signed_request(asked, by_key(asked))
    offer = Offer("identification", 3, "2031-03-02")
    said = await ports.issuer.certificate(request, offer, facts=facts, errand=ERRAND, proof=by_key(request))
    assert said == RequestDeclined("card_not_valid")


async def test_a_reserve_certificate_ends_with_the_assignment(region: Fleet, ports: Ports) -> None:
    reserve = CardRecord(CARD, HOLDER.hsa_id, "reserve", "active", loa=2, reserve=True)
    region.simulator.fill(Seed((DirectoryPerson(HOLDER.hsa_id, HOLDER.name, employed_until="2026-03-31"),), (reserve,)))
    async with inserted("1:old") as visit:
        offers = await ports.issuer.offers(visit.facts)
        assert offers == (Offer("reserve", 2, "2026-03-31"), Offer("reserve", 3, "2026-03-31", administrators=2))
        request, proof = await requested(visit)
        own = await signed_by(ports, visit)
        told = {"facts": visit.facts, "errand": ERRAND, "proof": proof, "people": (own,)}
        issued = await ports.issuer.certificate(request, offers[0], **told)
        assert isinstance(issued, CertificateIssued)
        made = x509.load_der_x509_certificate(issued.chain[0])
        assert made.not_valid_after_utc.date().isoformat() == "2026-03-31"
        own, admin = await signed_by(ports, visit), await proof_of(ports, "13:new", CARD)
        once = await ports.issuer.certificate(
            request, offers[1], facts=visit.facts, errand="b", proof=proof, people=(own, admin, admin)
        )
        assert once == RequestDeclined("administrators_missing"), "one administrator twice is one"


async def test_level_3_for_a_protected_identity_takes_two_with_the_role_for_it(region: Fleet, ports: Ports) -> None:
    reserve = CardRecord(CARD, HOLDER.hsa_id, "reserve", "active", loa=2, reserve=True)
    other = person(14)
    cards = (reserve, CardRecord(other.new.card_number, other.hsa_id, "601", "active"))
    people = (DirectoryPerson(HOLDER.hsa_id, None, protected=True), DirectoryPerson(other.hsa_id, other.name))
    region.simulator.fill(Seed(people, cards))

    def list_both(*roles: AdministratorRole) -> None:
        both = [listed(one.hsa_id, one.name, roles=roles) for one in (ADMINISTRATOR, other)]
        both[0] = listed(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name, roles=("KRA", "KUR"))
        with region.database.writing.begin() as connection:
            replace_administrators(connection, both)

    async with inserted("1:old") as visit:
        request, proof = await requested(visit)
        offer = (await ports.issuer.offers(visit.facts))[1]
        assert (offer.loa, offer.administrators) == (3, 2)
        attending = [await proof_of(ports, name, CARD) for name in ("13:new", "14:new")]
        told = {"facts": visit.facts, "proof": proof, "people": (await signed_by(ports, visit), *attending)}
        list_both("KRA")
        assert await ports.issuer.certificate(request, offer, errand="one", **told) == RequestDeclined("kur_needed")
        list_both("KRA", "KUR")
        assert isinstance(await ports.issuer.certificate(request, offer, errand="both", **told), CertificateIssued)


async def test_a_block_is_told_at_once_and_for_good(region: Fleet, ports: Ports) -> None:
    own, admin = await proof_of(ports, "1:old"), await proof_of(ports, "13:new", CARD)
    assert await ports.blocking.block(CARD, "lost", by=own, errand=ERRAND) == CardBlocked(NOW)
    assert await ports.blocking.lift(CARD, by=admin, errand=ERRAND) == RequestDeclined("not_held")
    assert await ports.blocking.lift(CARD, by=own, errand="b") == RequestDeclined("nonce_unknown"), "one act"
    own = await proof_of(ports, "1:old")
    assert await ports.blocking.lift(CARD, by=own, errand="c") == RequestDeclined("card_blocked"), (
        "it proves nobody any more"
    )
    word = await state_of(ports)
    assert (word.state, word.offers) == ("blocked", ())


async def test_a_block_without_connection_waits_and_goes_first(region: Fleet, ports: Ports) -> None:
    region.link.set_online(False)
    own = await proof_of(ports, "1:old")
    assert not own.by_server, "the station made the nonce"
    assert await ports.blocking.block(CARD, "lost", by=own, errand=ERRAND) == RequestQueued(NOW)
    assert await ports.blocking.lift(CARD, by=own, errand=ERRAND) == Unavailable()
    region.link.set_online(True)
    async with asyncio.timeout(LIMIT_S):
        while await ports.blocking.waiting():  # noqa: ASYNC110  # told by a task of its own
            await asyncio.sleep(0.005)
    assert await ports.blocking.block(CARD, "lost", by=own, errand=ERRAND) == CardBlocked(NOW)
    assert (await state_of(ports)).state == "blocked"


async def test_a_nonce_of_the_stations_own_does_nothing_but_block_and_hold_once(region: Fleet, ports: Ports) -> None:
    region.link.set_online(False)
    own = await proof_of(ports, "1:old")
    region.link.set_online(True)
    assert await ports.directory.find(card_number=CARD, people=(own,)) == RequestDeclined("nonce_unknown")
    assert await ports.blocking.hold(CARD, "forgotten", by=own, errand=ERRAND) == CardHeld("active")
    assert await ports.blocking.lift(CARD, by=own, errand=ERRAND) == RequestDeclined("nonce_unknown")
    assert await ports.blocking.block(CARD, "lost", by=own, errand="once more") == RequestDeclined("nonce_unknown")


async def fall_in(store: StationStore, ports: Ports, outcome: Outcome | None, by: PersonProof | None) -> None:
    """A card at the flap, and what the sensors say of it; None: the power goes before they say anything. Nothing else runs."""
    journal = Journal(store, EventChain(STATION, 1, "boot-1"), HandClock(), redeem=blocks.redeem_pledge)
    log = await journal.start("return_card")
    pledge = ports.blocking.pledge_for_drop(CARD, "replaced" if by else None, by=by, errand=log.id)
    if outcome is None:
        await journal.transact(lambda cx: log.intend(cx, Effect.DROP_CARD, {"old_card": CARD}, pledge))
    else:
        await log.effect(Effect.DROP_CARD, as_said(outcome), pledge=pledge, old_card=CARD)


async def as_said(outcome: Outcome) -> NamedOutcome:
    return NamedOutcome(outcome)


async def start_again(store: StationStore, region: Fleet) -> CardWord:
    """The station's next start, until nothing waits: what the register says of the card then."""
    await Journal(store, EventChain(STATION, 1, "boot-2"), HandClock(), redeem=blocks.redeem_pledge).boot("test")
    after = IssuerGateway(identity(), store, region.link, HandClock())
    tasks = after.start()
    async with asyncio.timeout(LIMIT_S):
        while await after.queue.waiting():  # noqa: ASYNC110  # told by a task of its own
            await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return await state_of(Ports(after))


@pytest.mark.parametrize(
    ("outcome", "proved", "state"),
    [
        (Outcome.DROPPED, True, "blocked"),
        (Outcome.DROPPED, False, "held"),
        (Outcome.JAM, True, "held"),
        (Outcome.FISHING, True, "held"),
        (None, True, "held"),
        (Outcome.KEPT, True, "active"),
    ],
)
async def test_a_card_that_fell_into_the_bin_is_no_longer_valid_though_the_power_went_right_then(
    region: Fleet, gateway: IssuerGateway, store: StationStore, outcome: Outcome | None, proved: bool, state: str
) -> None:
    ports = Ports(gateway)
    await fall_in(store, ports, outcome, await proof_of(ports, "1:old") if proved else None)
    assert (await start_again(store, region)).state == state
    assert (await start_again(store, region)).state == state
    changes = [ask for ask in region.link.asked if isinstance(ask, BlockAsk | HoldAsk)]
    assert len(changes) == (state != "active"), "it is told once"


async def test_a_block_whose_card_is_in_the_bin_outlasts_the_servers_nonce(tmp_path: Path, store: StationStore) -> None:
    """It is good for a quarter of an hour; a station that was without power for longer tells its block all the same."""
    now = [NOW]
    async with fleet(tmp_path / "fleet", lambda: now[0]) as region:
        ports = Ports(IssuerGateway(identity(), store, region.link, HandClock()))
        await fall_in(store, ports, Outcome.DROPPED, await proof_of(ports, "1:old"))
        now[0] += timedelta(minutes=20)
        assert (await start_again(store, region)).state == "blocked"


async def test_a_return_that_asks_at_once_asks_what_was_pledged(
    region: Fleet, ports: Ports, store: StationStore
) -> None:
    own = await proof_of(ports, "1:old")
    journal = Journal(store, EventChain(STATION, 1, "boot-1"), HandClock(), redeem=blocks.redeem_pledge)
    log = await journal.start("return_card")
    pledge = ports.blocking.pledge_for_drop(CARD, "replaced", by=own, errand=log.id)
    await log.effect(Effect.DROP_CARD, as_said(Outcome.DROPPED), pledge=pledge, old_card=CARD)
    assert await ports.blocking.block(CARD, "replaced", by=own, errand=log.id) == CardBlocked(NOW)
    assert len([ask for ask in region.link.asked if isinstance(ask, BlockAsk)]) == 1


async def test_no_hold_is_lifted_before_it_was_told(region: Fleet, gateway: IssuerGateway) -> None:
    """The queue does not run: what it holds would come after the lift, and undo it."""
    blocking = Ports(gateway).blocking
    own, admin = await proof_of(Ports(gateway), "1:old"), await proof_of(Ports(gateway), "13:new")
    region.link.set_online(False)
    assert await blocking.hold(CARD, "forgotten", by=None, errand=ERRAND) == RequestQueued(NOW)
    region.link.set_online(True)
    assert await blocking.lift(CARD, by=own, errand=ERRAND) == Unavailable()
    other = ADMINISTRATOR.new.card_number
    assert await blocking.lift(other, by=admin, errand=ERRAND) == RequestDeclined("not_held"), "another card"


async def test_a_block_outlasts_the_stations_power(region: Fleet, store: StationStore, gateway: IssuerGateway) -> None:
    region.link.set_online(False)
    blocking = Ports(gateway).blocking
    own = await proof_of(Ports(gateway), "1:old")
    assert isinstance(await blocking.block(CARD, "stolen", by=own, errand=ERRAND), RequestQueued)
    region.link.set_online(True)
    after = IssuerGateway(identity(), store, region.link, HandClock())
    tasks = after.start()
    async with asyncio.timeout(LIMIT_S):
        while await after.queue.waiting():  # noqa: ASYNC110  # told by a task of its own
            await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    assert (await state_of(Ports(after))).state == "blocked"


async def test_a_block_by_an_administrator_told_too_late_is_a_hold(region: Fleet, gateway: IssuerGateway) -> None:
    """Their signature about another's card serves a quarter of an hour: the card is not left in use."""
    admin = await proof_of(Ports(gateway), "13:new", CARD)
    region.link.set_online(False)
    assert isinstance(await Ports(gateway).blocking.block(CARD, "stolen", by=admin, errand=ERRAND), RequestQueued)
    with region.database.writing.begin() as connection:
        connection.execute(delete(login_nonces))
    region.link.set_online(True)
    tasks = gateway.start()
    async with asyncio.timeout(LIMIT_S):
        while await gateway.queue.waiting():  # noqa: ASYNC110  # told by a task of its own
            await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    word = await state_of(Ports(gateway))
    assert (word.state, word.hold_reason) == ("held", "lost"), "in nobody's name, and never a grave one"


@pytest.mark.parametrize("state", ["active", "handed_out", "waiting"])
async def test_a_card_found_again_is_what_it_was(region: Fleet, ports: Ports, state: str) -> None:
    region.simulator.fill(Seed(cards=(CardRecord(CARD, HOLDER.hsa_id, "601", state),)))  # type: ignore[arg-type]
    assert await ports.blocking.hold(CARD, "forgotten", by=None, errand=ERRAND) == CardHeld(state)  # type: ignore[arg-type]
    assert await ports.blocking.hold(CARD, "lost", by=None, errand="later") == CardHeld(state)  # type: ignore[arg-type]
    own = await proof_of(ports, "1:old")
    assert await ports.blocking.lift(CARD, by=own, errand=ERRAND) == HoldLifted(state)  # type: ignore[arg-type]
    word = await state_of(ports)
    assert (word.state, word.hold_reason) == (state, None)


async def test_a_card_that_a_colleague_found_is_held_and_its_owner_lifts_that(region: Fleet, ports: Ports) -> None:
    assert await ports.blocking.hold(CARD, "found", by=None, errand=ERRAND) == CardHeld("active")
    assert (await state_of(ports)).hold_reason == "found"
    own = await proof_of(ports, "1:old")
    assert await ports.blocking.lift(CARD, by=own, errand="the owner") == HoldLifted("active")


async def test_a_found_card_beyond_the_limit_is_noted_and_not_held(region: Fleet, ports: Ports) -> None:
    hold = ports.blocking.hold
    assert await hold(CARD, "found", by=None, errand=ERRAND, note_only=True) == RequestDeclined("over_limit")
    assert (await state_of(ports)).state == "active"
    region.simulator.fill(Seed(cards=(CardRecord(CARD, HOLDER.hsa_id, "601", "blocked"),)))
    assert await hold(CARD, "found", by=None, errand="b", note_only=True) == RequestDeclined("card_blocked")


@pytest.mark.parametrize("reason", ["stolen", "code_known"])
async def test_a_stolen_card_is_given_free_by_an_administrator_alone(region: Fleet, ports: Ports, reason: str) -> None:
    hold, lift = ports.blocking.hold, ports.blocking.lift
    admin = await proof_of(ports, "13:new", CARD)
    assert await hold(CARD, reason, by=admin, errand=ERRAND) == CardHeld("active")  # type: ignore[arg-type]
    assert await hold(CARD, "forgotten", by=None, errand="later") == CardHeld("active")
    assert (await state_of(ports)).hold_reason == reason, "no later hold makes it lighter"
    assert await lift(CARD, by=await proof_of(ports, "1:old"), errand=ERRAND) == RequestDeclined("not_allowed")
    assert await lift(CARD, by=await proof_of(ports, "13:new", CARD), errand="by an administrator") == HoldLifted(
        "active"
    )


async def test_a_stranger_blocks_and_lifts_nothing(region: Fleet, ports: Ports) -> None:
    region.simulator.fill(Seed(cards=(CardRecord(STRANGER.card_number, STRANGER.hsa_id, "601", "active"),)))
    region.simulator.fill(Seed((DirectoryPerson(STRANGER.hsa_id, STRANGER.name),)))
    other = await proof_of(ports, "3:old", CARD)
    assert await ports.blocking.block(CARD, "lost", by=other, errand=ERRAND) == RequestDeclined("not_allowed")
    assert await ports.blocking.hold(CARD, "forgotten", by=None, errand=ERRAND) == CardHeld("active")
    assert await ports.blocking.lift(CARD, by=other, errand=ERRAND) == RequestDeclined("not_allowed")
    assert await ports.blocking.hold("9999000099999999", "lost", by=None, errand="c") == RequestDeclined("unknown_card")
    with region.database.reading.begin() as connection:
        (alarm,) = connection.execute(select(alarms)).all()
    assert (alarm.station, alarm.code, alarm.argument, alarm.times) == (
        STATION, "block_declined", "9999000099999999: unknown_card", 2,
    )  # fmt: skip


async def test_an_administrator_logs_in_by_card(region: Fleet, ports: Ports) -> None:
    found = await logged_in(ports)
    assert (found.hsa_id, found.name, found.by) == (ADMINISTRATOR.hsa_id, ADMINISTRATOR.name, "server")
    said = await ports.administrators.log_in(await proof_of(ports, "1:old"))
    assert said == RequestDeclined("not_administrator")


async def test_without_connection_the_signed_list_and_the_own_trust_decide(
    region: Fleet, gateway: IssuerGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.link.set_online(False)
    known = administrator(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name)
    stranger = TestAuthority.create(NOW)
    proof = await proof_of(Ports(gateway), "13:new")

    async def log_in(ports: Ports) -> object:
        return await ports.administrators.log_in(proof)

    listed = LoggedIn(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name, "list", proof, ("KRA",))
    assert await log_in(Ports(gateway, known)) == listed
    assert await log_in(Ports(gateway)) == RequestDeclined("not_administrator"), "the list is past its time"
    elsewhere = TrustStore(stranger.anchors(), stranger.intermediates())
    assert await log_in(Ports(gateway, known, trust=elsewhere)) == RequestDeclined("card_not_valid")
    monkeypatch.setattr(Listed, "recent", False)
    assert await log_in(Ports(gateway, known)) == Unavailable("lists_too_old"), "the card may be blocked by now"


async def test_a_puk_is_released_once_with_two_names(region: Fleet, ports: Ports) -> None:
    admin = await logged_in(ports)
    async with inserted("1:old") as visit:
        released = await ports.card_keys.release_puk(visit.facts, administrator=admin, errand=ERRAND)
        assert isinstance(released, PukReleased)
        assert released.puk == Secret(PUK)
        admin = await logged_in(ports)
        again = await ports.card_keys.release_puk(visit.facts, administrator=admin, errand="later")
        assert again == RequestDeclined("no_puk")
        own = replace(admin, act=await signed_by(ports, visit))
        said = await ports.card_keys.release_puk(visit.facts, administrator=own, errand="the holder's own")
        assert said == RequestDeclined("administrators_missing")
    with region.simulator.state.change() as cx:
        people = cx.execute("SELECT people FROM audit WHERE what = 'puk' AND outcome = 'released'").fetchall()
    assert people == [(f"{HOLDER.hsa_id},{ADMINISTRATOR.hsa_id}",)]
    assert all(PUK.encode() not in path.read_bytes() for path in region.folder.glob("fleet.sqlite*"))


async def test_the_cards_own_keys_answer_and_stay_at_the_server(region: Fleet, ports: Ports) -> None:
    admin = await logged_in(ports)
    async with inserted("1:old") as visit:
        facts = visit.facts
        said = await ports.card_keys.unblock_response(facts, bytes(16), administrator=admin, errand=ERRAND)
        assert isinstance(said, CardKeyResponse)
        people = (await signed_by(ports, visit),)
        key = ports.card_keys.management(facts, "AES-192", errand=ERRAND, people=people)
        assert await asyncio.to_thread(key.answer, bytes(16)) == said.data
        region.link.set_online(False)
        with pytest.raises(ReaderError, match="no_connection"):
            await asyncio.to_thread(key.answer, bytes(16))


async def test_where_the_portal_is_for_people_who_attends_is_sent_there_for_response_and_puk(
    region: Fleet, ports: Ports
) -> None:
    admin = await logged_in(ports)
    region.issuer.parts = replace(region.issuer.parts, unlocks="portal", keys=CardKeys({}))
    async with inserted("1:old") as visit:
        asked = ports.card_keys.unblock_response(visit.facts, bytes(16), administrator=admin, errand=ERRAND)
        assert await asked == InPortal()
        assert await ports.card_keys.release_puk(visit.facts, administrator=admin, errand=ERRAND) == InPortal()
    with region.simulator.state.change() as cx:
        assert cx.execute("SELECT count(*) FROM audit").fetchone() == (0,), "programs ask nothing there"


async def test_a_new_letter_comes_on_a_day(ports: Ports) -> None:
    said = await ports.card_keys.order_letter(CARD, errand=ERRAND)
    assert isinstance(said, LetterOrdered)
    assert (said.arrives.isoformat(), said.where) == ("2026-03-07", "home")
    again = await ports.card_keys.order_letter(CARD, errand="soon after")
    assert again == RequestDeclined("letter_lately"), "in nobody's name once in 30 days"
    holders = await ports.card_keys.order_letter(CARD, errand="by the holder", by=await proof_of(ports, "1:old"))
    assert isinstance(holders, LetterOrdered)


async def test_the_directory_knows_people_and_numbers(region: Fleet, ports: Ports) -> None:
    hidden = DirectoryPerson("TEST000000-0077", "Never Shown", protected=True, left="2026-02-01")
    region.simulator.fill(Seed((hidden,)))
    people = ((await logged_in(ports)).proof,)
    found = await ports.directory.find(hsa_id=hidden.hsa_id, people=people)
    assert isinstance(found, Found)
    assert found.person == DirectoryPerson("TEST000000-0077", None, protected=True, left="2026-02-01")
    assert await ports.directory.find(hsa_id=hidden.hsa_id) == RequestDeclined("not_allowed")
    own = await proof_of(ports, "1:old")
    assert await ports.directory.find(hsa_id=hidden.hsa_id, people=(own,)) == RequestDeclined("not_allowed")
    mine = await ports.directory.find(card_number=CARD, people=(own,))
    assert isinstance(mine, Found)
    assert mine.person == DirectoryPerson(HOLDER.hsa_id, HOLDER.name)
    assert await ports.directory.state("9999000099999999") == NotFound()
    region.link.set_online(False)
    assert await ports.directory.find(hsa_id=hidden.hsa_id, people=people) == Unavailable()


async def test_what_the_region_switches_off_is_off_at_the_station(
    region: Fleet, gateway: IssuerGateway, store: StationStore, taken: list[str]
) -> None:
    (region.folder / "region" / "switch-offs.json").write_text(
        '[{"kind": "product", "what": "6XX", "text": {"sv": "Fel", "en": "Fault"}}, {"kind": "batch", "what": "9990001-9990009"}]'
    )
    region.region.reload(region.folder / "region")
    await gateway.region.refresh()
    assert gateway.region.off(product="6XX") is not None
    assert gateway.region.off(card_number="9990005") is not None
    assert gateway.region.off(errand="pickup", card_number="99900050") is None
    assert taken == ["crl", "crl", "crl"]
    after = IssuerGateway(identity(), store, region.link, HandClock())
    assert after.region.off(product="6XX") is not None, "it is kept over a restart"
    await gateway.region.refresh()
    assert taken == ["crl", "crl", "crl"], "what is held is not sent again"


async def test_a_blocked_card_is_known_at_every_station_soon(
    region: Fleet, store: StationStore, tmp_path: Path
) -> None:
    async with inserted("1:old") as visit:
        certificate = visit.facts.certificate("identification")
    assert certificate is not None
    known = (base64.b64encode(certificate.der).decode(),)
    region.simulator.fill(Seed(cards=(CardRecord(CARD, HOLDER.hsa_id, "601", "active"),), certificates={CARD: known}))
    config = Config.model_validate({"trust": {"revocation": "revocation"}})
    settled = region_listeners(config, tmp_path, SystemClock(), lambda: None)
    gateway = IssuerGateway(
        identity(), store, region.link, HandClock(),
        on_files=settled.on_files, on_signed_time=settled.on_signed_time,
    )  # fmt: skip
    own = OfflineRevocation(RevocationStore(tmp_path / "revocation"))
    trust = TrustStore(authority().anchors(), authority().intermediates(), revocation=own)
    assert await trust.judge(certificate.der, NOW) == "ok"
    before = region.region.lists
    tasks = gateway.start()
    own = await proof_of(Ports(gateway), "1:old")
    assert await Ports(gateway).blocking.block(CARD, "lost", by=own, errand=ERRAND) == CardBlocked(NOW)
    async with asyncio.timeout(LIMIT_S):
        while region.region.lists == before:  # noqa: ASYNC110  # fetched by a task of its own
            await asyncio.sleep(0.005)
    await gateway.region.refresh()
    assert await trust.judge(certificate.der, NOW) == "revoked"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stopped_card_is_on_every_station_s_list_in_minutes_and_after_a_restart(
    region: Fleet, ports: Ports, store: StationStore
) -> None:
    async with inserted("1:old") as visit:
        ders = [one.der for one in visit.facts.certificates]

    async def stop() -> str | None:
        book = OrderBook(identity(), store, region.link, lambda: NOW)
        await book.refresh()
        again = OrderBook(identity(), store, region.link, lambda: NOW)  # after a restart, out of its sealed copy
        assert again.leavers == book.leavers
        orders = FleetOrders(again, region.link, None, HandClock())  # type: ignore[arg-type]  # no journal is asked
        return await orders.listed_stop(ders)

    own = await proof_of(ports, "1:old")
    assert isinstance(await ports.directory.find(hsa_id=HOLDER.hsa_id, people=(own,)), Found)  # seen once
    assert await stop() is None
    assert isinstance(await ports.blocking.hold(CARD, "lost", by=None, errand=ERRAND), CardHeld)
    assert await stop() == "held"
    assert isinstance(await ports.blocking.lift(CARD, by=await proof_of(ports, "1:old"), errand=ERRAND), HoldLifted)
    assert await stop() is None
    assert isinstance(
        await ports.blocking.block(CARD, "lost", by=await proof_of(ports, "1:old"), errand=ERRAND), CardBlocked
    )
    assert await stop() == "blocked"
    told = [jws.extract_compact(answer.jws.encode()).payload for answer in region.link.answered if answer.jws]
    assert not [page for page in told if CARD.encode() in page and b"leavers" in page]


def test_files_of_the_region_go_where_the_station_has_their_place(tmp_path: Path) -> None:
    files = [
        RegionFile("profile", "b.toml", b"text"), RegionFile("profile_signature", "b.toml.jws", b"word"),
        RegionFile("profile", "../out.toml", b"text"), RegionFile("crl", "c", b"no list"),
    ]  # fmt: skip
    keep_files(files, Config(), tmp_path)
    assert list(tmp_path.iterdir()) == [], "a station that has set no place for profiles keeps none"
    config = Config.model_validate({"trust": {"revocation": "r"}, "profiles": {"folder": "p", "keys": "k.pem"}})
    keep_files(files, config, tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == [
        "p/b.toml",
        "p/b.toml.jws",
    ]


TEMP, SPARE, OTHER_SPARE = person(3), "9999000077770001", "9999000077770002"


@pytest.fixture
def cabinet(region: Fleet) -> Fleet:
    """Two reserve cards that are nobody's lie at the station, and two people are administrators there."""
    spares = tuple(CardRecord(number, "", "reserve", "waiting", loa=2, reserve=True) for number in (SPARE, OTHER_SPARE))
    second = person(14)
    cards = (*spares, CardRecord(second.new.card_number, second.hsa_id, "601", "active"))
    ends = DirectoryPerson(TEMP.hsa_id, TEMP.name, employed_until="2026-03-31")
    region.simulator.fill(Seed((ends, DirectoryPerson(second.hsa_id, second.name)), cards))
    with region.database.writing.begin() as connection:
        replace_administrators(connection, [listed(one.hsa_id, one.name) for one in (ADMINISTRATOR, second)])
        add_stations(connection, [STATION])
        station = connection.execute(select(stations.c.id)).scalar_one()
        for slot, number in ((3, SPARE), (4, OTHER_SPARE)):
            lies = {"lies": True, "quarantined": False, "at": NOW}
            connection.execute(insert(reserve_cards).values(station=station, slot=slot, card_number=number, **lies))
    return region


async def two(ports: Ports, about: str = SPARE) -> tuple[PersonProof, ...]:
    return await proof_of(ports, "13:new", about), await proof_of(ports, "14:new", about)


async def test_two_administrators_bind_a_reserve_card_to_a_person_for_good(cabinet: Fleet, ports: Ports) -> None:
    people, bind = await two(ports), ports.issuer.bind
    bound = await bind(SPARE, TEMP.hsa_id, errand=ERRAND, people=people)
    assert isinstance(bound, CardBound)
    assert (bound.card_number, bound.slot) == (SPARE, 3)
    with cabinet.database.reading.begin() as connection:
        order = connection.execute(select(orders).where(orders.c.order == bound.order)).one()
    assert (order.hsa_id, order.card_number, order.product, order.loa, order.state, order.slot, order.station) == (
        TEMP.hsa_id, SPARE, "reserve", 3, "waiting", 3, STATION,
    )  # fmt: skip
    word = await state_of(ports, SPARE)
    assert (word.state, word.holder) == ("active", "here")
    assert {offer.not_after for offer in word.offers} == {"2026-03-31"}, "it does not outlive the assignment"
    found = await ports.directory.find(card_number=SPARE, people=(await proof_of(ports, "13:new"),))
    assert isinstance(found, Found)
    assert [card.hsa_id for card in found.cards] == [TEMP.hsa_id]
    again = await bind(OTHER_SPARE, TEMP.hsa_id, errand="came back", people=await two(ports, OTHER_SPARE))
    assert again == bound, "who comes back before it was taken is given that card, and no second one"
    assert await bind(SPARE, HOLDER.hsa_id, errand="another", people=await two(ports)) == RequestDeclined(
        "unknown_card"
    )


async def test_nobody_binds_a_reserve_card_alone_to_themselves_or_to_a_leaver(cabinet: Fleet, ports: Ports) -> None:
    (first, second), bind = await two(ports), ports.issuer.bind
    alone = await bind(SPARE, TEMP.hsa_id, errand="alone", people=(first, first))
    own = await bind(SPARE, ADMINISTRATOR.hsa_id, errand="own", people=(first, second))
    by_holder = await bind(SPARE, TEMP.hsa_id, errand="holder", people=(first, await proof_of(ports, "1:old", SPARE)))
    assert [alone, own, by_holder] == [RequestDeclined("administrators_missing")] * 3
    cabinet.simulator.fill(Seed((DirectoryPerson(TEMP.hsa_id, TEMP.name, left="2026-03-01"),)))
    assert await bind(SPARE, TEMP.hsa_id, errand="left", people=(first, second)) == RequestDeclined("holder_left")
    cabinet.simulator.fill(Seed((DirectoryPerson(TEMP.hsa_id, None, protected=True),)))
    assert await bind(SPARE, TEMP.hsa_id, errand="hid", people=(first, second)) == RequestDeclined("kur_needed")
    assert (await state_of(ports, SPARE)).state == "waiting"


async def test_only_a_reserve_card_that_lies_there_is_bound(cabinet: Fleet, ports: Ports) -> None:
    people, bind = await two(ports), ports.issuer.bind
    ordinary = await two(ports, CARD)
    assert await bind(CARD, TEMP.hsa_id, errand="ordinary", people=ordinary) == RequestDeclined("unknown_card")
    with cabinet.database.writing.begin() as connection:
        connection.execute(update(reserve_cards).values(lies=False))
    assert await bind(SPARE, TEMP.hsa_id, errand="gone", people=people) == RequestDeclined("unknown_card")
    cabinet.link.set_online(False)
    assert await bind(SPARE, TEMP.hsa_id, errand="away", people=people) == Unavailable()


async def test_where_people_register_hand_overs_the_server_itself_knows_whose_the_card_is(
    cabinet: Fleet, ports: Ports
) -> None:
    cabinet.issuer.parts = replace(cabinet.issuer.parts, handovers="portal")
    people = await two(ports)
    assert isinstance(await ports.issuer.bind(SPARE, TEMP.hsa_id, errand=ERRAND, people=people), CardBound)
    word = await state_of(ports, SPARE)
    assert (word.state, word.holder, {offer.not_after for offer in word.offers}) == (
        "handed_out", "here", {"2026-03-31"},
    )  # fmt: skip

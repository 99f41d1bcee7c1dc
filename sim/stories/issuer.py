"""Issuer, register and directory in memory, for journeys: real certificates, and the rules that a journey can meet."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.errors import ReaderError
from drivers.reader.keys import ManagementAlgorithm, MutualAnswer
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import verifies
from fleet.messages.asking import BinAsk, ReceivedAsk, StockAsk, tag_of
from fleet.messages.issuing import AdministratorRole, switches_off
from fleet.messages.mandates import STATIONS_OWN, parse_mandate
from fleet.server.issuers.card_keys import CardKeys, HeldKey
from kiosk.issuer.ports import (
    CardBlocked,
    CardBound,
    CardHeld,
    CardKeyResponse,
    CardMarked,
    CardRecord,
    CardWord,
    CertificateIssued,
    DirectoryPerson,
    Found,
    HoldLifted,
    InPortal,
    LetterNoted,
    LetterOrdered,
    LoggedIn,
    NotFound,
    Offer,
    PukReleased,
    RequestDeclined,
    RequestQueued,
    SwitchOff,
    Tasks,
    Unavailable,
)
from kiosk.issuer.proof_ports import PersonProof
from kiosk.steps.blocking_views import DEAD
from sim.bench import cards as bench_cards
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from sim.reader.pki import TestAuthority
from sim.stories.clock import HandClock
from sim.stories.issued_certificates import issue

ELSEWHERE = "SE5560000999"
"""Begins HSA-ids of which this region's directory knows nothing."""
BENCH = frozenset(
    bench_cards.persona(f"{number}:{which}").card_number for number in range(1, 15) for which in ("old", "new")
)
"""Numbers of the cards on the bench: all are in use but those that a test says something else of."""


class _Key:
    """A management key that the issuer answers for."""

    def __init__(self, algorithm: ManagementAlgorithm, key: bytes, issuer: "SimulatedIssuer") -> None:
        self.algorithm = algorithm
        self._key = key
        self._issuer = issuer

    def answer(self, challenge: bytes) -> bytes:
        if not self._issuer.online:
            raise ReaderError("the server does not answer for the card's management key")
        return _encipher(self._key, challenge)


@dataclass
class CarriedRequest:
    """A request that people carry to the issuer's portal. `key`: SubjectPublicKeyInfo, DER."""

    key: bytes
    request: bytes
    offer: Offer
    facts: CardFacts
    issued: CertificateIssued | None = None
    is_fetched: bool = False


def public_key_of(request: bytes) -> bytes:
    """SubjectPublicKeyInfo of a PKCS#10 request, DER."""
    key = x509.load_der_x509_csr(request).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class _Proved:
    """A pledge of an errand, kept by an issuer."""

    proved: dict[str, ReceivedAsk | StockAsk | BinAsk]
    errand: str
    ask: ReceivedAsk | StockAsk | BinAsk

    def keep(self, transaction: Any, effect: int) -> None:
        self.proved[self.errand] = self.ask


class SimulatedIssuer:
    """Implements every port of `kiosk.issuer.ports` over dictionaries that a test may change."""

    def __init__(self, authority: TestAuthority, clock: HandClock) -> None:
        self._authority = authority
        self._clock = clock
        self.online = True
        self.holds = True
        """Whether the issuer's system has a hold."""
        self.by_people = False
        """Blocks and letters are made by people, in the issuer's portal."""
        self.certificates_by_people = False
        """So are certificates."""
        self.somebody_carries = False
        """An administrator is free, who carries a request to the portal and the certificate back while its holder waits."""
        self.carried: dict[str, CarriedRequest] = {}
        """By use: the newest request that waits for people, or was made."""
        self.unlocks_by_people = False
        """So is what a card is unlocked with."""
        self.proved: dict[str, ReceivedAsk | StockAsk | BinAsk] = {}
        """What each errand has told with proofs."""
        self.declines: dict[str, str] = {}
        """Reason by question: `block`, `blocked_in_portal`, `hold`, `lift`, `unblock`, `puk`, `letter`, `log_in`."""
        self.people: dict[str, DirectoryPerson] = {}
        self.cards: dict[str, CardRecord] = {}
        self.offered: list[Offer] = []
        self.pukes: dict[str, str] = {}
        """By card number: what may be released, once."""
        self.management_keys: dict[str, bytes] = {}
        """By card number; a card that is not named has the factory's."""
        self.administrators: dict[str, str] = {}
        """Names by HSA-id."""
        self.roles: tuple[AdministratorRole, ...] = ("KRA",)
        """Of all of them."""
        self.reserve_slots: dict[str, int] = {}
        """Where reserve cards lie, by number."""
        self.mailboxes: set[str] = set()
        """HSA-ids of those who can be mailed."""
        self.others: set[str] = set(BENCH)
        """Numbers of cards that are in use, and of which nothing more is told."""
        self.switched_off: list[SwitchOff] = []
        self.queue: list[tuple[str, str, str, str]] = []
        """(what, card number, reason, by) told while offline."""
        self.told: list[tuple[str, ...]] = []
        """Everything that was asked to be changed, in order."""
        self.issued: dict[bytes, CertificateIssued] = {}
        self.nonces: dict[str, str] = {}
        """Card numbers by nonce."""
        self.used: set[str] = set()
        """Those that have served an act."""

    def add(self, person: DirectoryPerson, *cards: CardRecord) -> None:
        """A person and their cards."""
        self.people[person.hsa_id] = person
        self.cards.update({card.card_number: card for card in cards})

    def ports(self) -> dict[str, Any]:
        """The fields of `Capabilities` that this stands for."""
        names = ("issuer", "blocking", "card_keys", "directory", "administrators", "switches")
        return dict.fromkeys(names, self) | {"administrators": _LogIn(self)}

    async def offers(self, facts: CardFacts) -> tuple[Offer, ...] | RequestDeclined | Unavailable:
        if self.somebody_carries:
            self.make_certificates()
        return tuple(map(self._by_hand, self.offered)) if self.online else Unavailable()

    async def bind(
        self, card_number: str, hsa_id: str, *, errand: str, people: tuple[PersonProof, ...]
    ) -> CardBound | RequestDeclined | Unavailable:
        refused = self._not_meant(people, "card.bind", card_number)
        answer = self._no("bind") or refused
        if answer is not None:
            return answer
        if len({person.hsa_id for person in people} & self.administrators.keys() - {hsa_id}) < 2:
            return RequestDeclined("administrators_missing")
        self.set_state(card_number, hsa_id=hsa_id, state="active")
        self.told.append(("bind", card_number, hsa_id))
        return CardBound("R-1", card_number, self.reserve_slots[card_number])

    async def certificate(
        self,
        request: bytes,
        offer: Offer,
        *,
        facts: CardFacts,
        errand: str,
        proof: Signed | None = None,
        people: tuple[PersonProof, ...] = (),
    ) -> CertificateIssued | InPortal | RequestDeclined | Unavailable:
        answer = self._no("certificate")
        if answer is not None:
            return answer
        present = facts.certificate("signature" if offer.profile == "signature" else "identification")
        if present is not None and not _proved(present.der, request, proof):
            return RequestDeclined("no_proof")
        refused = self._not_meant(people, "certificate.request", facts.card_number)
        if refused is not None or not people:
            return refused or RequestDeclined("not_allowed")
        if len({person.hsa_id for person in people} - {facts.holder.hsa_id}) < offer.administrators:
            return RequestDeclined("administrators_missing")
        if self.certificates_by_people:
            return self._carry(request, offer, facts)
        self.told.append(("certificate", facts.card_number, offer.profile))
        return self.issued.setdefault(request, issue(self._authority, request, offer, facts, self._clock.now()))

    def _carry(self, request: bytes, offer: Offer, facts: CardFacts) -> CertificateIssued | InPortal:
        key = public_key_of(request)
        carried = self.carried.get(offer.profile)
        if carried is None or carried.key != key:
            self.told.append(("certificate noted", facts.card_number, offer.profile))
            self.carried[offer.profile] = CarriedRequest(key, request, offer, facts)
            return InPortal()
        if carried.issued is None:
            return InPortal()
        if not carried.is_fetched:
            self.told.append(("certificate", facts.card_number, offer.profile))
        carried.is_fetched = True
        return self.issued.setdefault(request, carried.issued)

    def make_certificates(self) -> None:
        """Somebody carries all requests that wait to the portal, and the certificates back."""
        for carried in self.carried.values():
            if carried.issued is None:
                carried.issued = issue(
                    self._authority, carried.request, carried.offer, carried.facts, self._clock.now()
                )

    def _by_hand(self, offer: Offer) -> Offer:
        carried = self.carried.get(offer.profile)
        if not self.certificates_by_people:
            return offer
        key = "" if carried is None else base64.b64encode(carried.key).decode()
        is_ready = carried is not None and carried.issued is not None and not carried.is_fetched
        return msgspec.structs.replace(offer, by_hand=True, key=key, ready=is_ready)

    async def block(
        self, card_number: str, reason: str, *, by: PersonProof, errand: str
    ) -> CardBlocked | CardMarked | RequestQueued | RequestDeclined:
        if (refused := self._not_meant((by,), "card.block", card_number)) is not None:
            return refused
        if "block" in self.declines:
            return RequestDeclined(self.declines["block"])
        if not self.online:
            return self._queue("block", card_number, reason, by.hsa_id)
        if self.by_people:
            self.told.append(("block marked", card_number, reason, by.hsa_id))
            return CardMarked()
        self.set_state(card_number, state="blocked", held_from=None)
        self.told.append(("block", card_number, reason, by.hsa_id))
        return CardBlocked(self._clock.now())

    async def blocked_in_portal(
        self, card_number: str, reason: str, *, by: PersonProof, errand: str
    ) -> CardBlocked | RequestDeclined | Unavailable:
        answer = self._no("blocked_in_portal") or self._not_meant((by,), "card.block", card_number)
        if answer is not None:
            return answer
        if by.hsa_id not in self.administrators:
            return RequestDeclined("not_allowed")
        self.set_state(card_number, state="blocked", held_from=None)
        self.told.append(("blocked in portal", card_number, reason, by.hsa_id))
        return CardBlocked(self._clock.now())

    async def hold(
        self, card_number: str, reason: str, *, by: PersonProof | None, errand: str, note_only: bool = False
    ) -> CardHeld | CardMarked | RequestQueued | RequestDeclined:
        if by is not None and (refused := self._not_meant((by,), "card.hold", card_number)) is not None:
            return refused
        actor = by.hsa_id if by else ""
        card = self.cards.get(card_number)
        refusal = self.declines.get("hold") or (card and f"card_{card.state}" in DEAD and f"card_{card.state}")
        if refusal or note_only:
            return RequestDeclined(refusal or "over_limit")
        if not self.online:
            return self._queue("hold", card_number, reason, actor)
        if card is None:
            return RequestDeclined("unknown_card")
        before = card.held_from or card.state
        self.set_state(card_number, state="held", held_from=before, hold_reason=reason)
        self.told.append(("hold", card_number, reason, actor))
        return CardHeld(before) if self.holds else CardMarked()

    async def lift(
        self, card_number: str, *, by: PersonProof, errand: str
    ) -> HoldLifted | RequestDeclined | Unavailable:
        answer = self._no("lift") or self._not_meant((by,), "card.lift", card_number)
        if answer is not None:
            return answer
        card = self.cards.get(card_number)
        if card is None or card.held_from is None:
            return RequestDeclined("not_held")
        self.set_state(card_number, state=card.held_from, held_from=None, hold_reason=None)
        self.told.append(("lift", card_number, by.hsa_id))
        return HoldLifted(card.held_from)

    def pledge_for_drop(
        self, card_number: str, block: str | None, *, by: PersonProof | None, errand: str,
        hold: str = "returned", note_only: bool = False,
    ) -> None:  # fmt: skip
        """Nothing outlives this issuer: what is asked at once is all."""

    def pledge_for_errand(
        self, ask: ReceivedAsk | StockAsk | BinAsk, people: tuple[PersonProof, ...], *, errand: str
    ) -> "_Proved":
        """Kept in `proved` with the event that it goes with. What the server would not count is refused here at once."""
        assert people, "nobody stands behind it"
        tag, about = tag_of(ask), getattr(ask, "card_number", "")
        assert not any(not_meant(person, tag, about or person.hsa_id) for person in people), "it was not meant"
        return _Proved(self.proved, errand, ask)

    async def waiting(self) -> int:
        return len(self.queue)

    def management(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, *, errand: str, people: tuple[PersonProof, ...]
    ) -> _Key:
        assert people, "nobody answers for a management key in nobody's name"
        assert not self._not_meant(people, "card.challenge", facts.card_number)
        return _Key(algorithm, self._key(facts), self)

    def _key(self, facts: CardFacts) -> bytes:
        return self.management_keys.get(facts.card_number, FACTORY_MANAGEMENT_KEY)

    async def answer_witness(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes, *, errand: str
    ) -> MutualAnswer | RequestDeclined | Unavailable:
        answer = self._no("authenticate")
        if answer is not None:
            return answer
        key = self.management_keys.get(facts.card_number)
        if key is None:
            return RequestDeclined("no_key")
        keys = CardKeys({("management", facts.card_number): [HeldKey(algorithm, key)]})
        proof = keys.prove(facts.card_number, algorithm, witness, challenge)
        assert proof is not None
        return MutualAnswer(proof[0], hashlib.sha256(proof[1]).digest())

    async def unblock_response(
        self, facts: CardFacts, challenge: bytes, *, administrator: LoggedIn, errand: str
    ) -> CardKeyResponse | InPortal | RequestDeclined | Unavailable:
        answer = self._no("unblock") or self._alone(facts, administrator, "card.challenge")
        if answer is not None:
            return answer
        if self.unlocks_by_people:
            return InPortal()
        self.told.append(("unblock", facts.card_number, administrator.hsa_id, facts.holder.hsa_id))
        return CardKeyResponse(_encipher(self._key(facts), challenge))

    async def release_puk(
        self, facts: CardFacts, *, administrator: LoggedIn, errand: str
    ) -> PukReleased | InPortal | RequestDeclined | Unavailable:
        answer = self._no("puk") or self._alone(facts, administrator, "card.puk")
        if answer is not None:
            return answer
        if self.unlocks_by_people:
            return InPortal()
        puk = self.pukes.pop(facts.card_number, None)
        if puk is None:
            return RequestDeclined("released_before")
        self.told.append(("puk", facts.card_number, administrator.hsa_id, facts.holder.hsa_id))
        return PukReleased(Secret(puk))

    async def order_letter(
        self, card_number: str, *, errand: str, by: PersonProof | None = None
    ) -> LetterOrdered | LetterNoted | RequestDeclined | Unavailable:
        if self.by_people and self.online:
            self.told.append(("letter noted", card_number))
            return LetterNoted()
        answer = self._no("letter")
        if answer is None:
            self.told.append(
                ("letter", card_number, self.cards[card_number].hsa_id if card_number in self.cards else "")
            )
        return answer or LetterOrdered(self._clock.now().date() + timedelta(days=5), "home")

    async def state(self, card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
        if not self.online:
            return Unavailable()
        card = self.cards.get(card_number)
        if card is None:
            here: Literal["here", "unknown"] = "unknown" if hsa_id.startswith(ELSEWHERE) else "here"
            nonce = self.nonce_for(card_number)
            word = CardWord(card_number, "active", "6XX", here, nonce=nonce)
            return word if card_number in self.others else NotFound()
        people = [self.people.get(of) for of in card.hsa_ids if hsa_id in ("", of)]
        person = next(
            (candidate for candidate in people if candidate is not None and not _has_left(candidate)),
            next(iter(people), None),
        )
        left = person is not None and _has_left(person)
        return CardWord(
            card_number, card.state, card.product, "unknown" if person is None else "left" if left else "here",
            person is None or person.protected, card.reserve, card.loa, card.hold_reason, card.activate_by,
            tuple(map(self._by_hand, self.offered)), self.nonce_for(card_number), card.held_from,
        )  # fmt: skip

    async def find(
        self, *, hsa_id: str = "", card_number: str = "", people: tuple[PersonProof, ...] = ()
    ) -> Found | NotFound | RequestDeclined | Unavailable:
        if not self.online:
            return Unavailable()
        card = self.cards.get(card_number)
        holders = card.hsa_ids if card else (hsa_id,)
        allowed = [
            candidate for candidate in people if candidate.hsa_id in holders or candidate.hsa_id in self.administrators
        ]
        if not allowed or any(not_meant(candidate, "directory.find", candidate.hsa_id) for candidate in people):
            return RequestDeclined("not_allowed")
        if card_number:
            record = card and next(
                (card.as_of(candidate.hsa_id) for candidate in people if candidate.hsa_id in card.hsa_ids), card
            )
            return Found(self.people.get(record.hsa_id), (record,), tuple(self.offered)) if record else NotFound()
        person = self.people.get(hsa_id)
        theirs = tuple(card for card in self.cards.values() if card.hsa_id == hsa_id)
        return Found(person, theirs) if person or theirs else NotFound()

    async def can_mail(self, hsa_id: str) -> bool:
        return self.online and hsa_id in self.mailboxes

    def off(self, *, errand: str = "", product: str = "", card_number: str = "") -> SwitchOff | None:
        conditions = {"errand": errand, "product": product, "card_number": card_number}
        return next((switch_off for switch_off in self.switched_off if switches_off(switch_off, **conditions)), None)

    def nonce_for(self, card_number: str) -> str:
        """A nonce for a mandate about that card."""
        nonce = secrets.token_hex(16)
        self.nonces[nonce] = card_number
        return nonce

    def _not_meant(self, people: tuple[PersonProof, ...], tag: str, card_number: str) -> RequestDeclined | None:
        """Why the server would not count one of them: what is meant, and one act for a nonce that was given for that card; or,
        with one of the station's own, a block or hold of the card that signed."""
        by_hand = {"certificate.request": self.certificates_by_people, "card.puk": self.unlocks_by_people}
        for person in people:
            if (refused := not_meant(person, tag, card_number)) is not None:
                return refused
            nonce = parse_mandate(person.mandate).nonce
            own = tag in STATIONS_OWN and person.card_number == card_number and not person.by_server
            again = nonce in self.used and tag != "card.challenge"
            if again or not (own or self.nonces.get(nonce) == card_number):
                return RequestDeclined("nonce_unknown")
            if tag != "card.challenge" and not by_hand.get(tag):
                self.used.add(nonce)
        return None

    def _alone(self, facts: CardFacts, administrator: LoggedIn, tag: str) -> RequestDeclined | None:
        if administrator.proof is None or not administrator.proof.by_server:
            return RequestDeclined("log_in_at_the_server")
        if administrator.act is None:
            return RequestDeclined("administrators_missing")
        if (refused := self._not_meant((administrator.act,), tag, facts.card_number)) is not None:
            return refused
        return None if administrator.hsa_ids.isdisjoint(facts.hsa_ids) else RequestDeclined("own_card")

    def _no(self, action: str) -> RequestDeclined | Unavailable | None:
        if not self.online:
            return Unavailable()
        return RequestDeclined(self.declines[action]) if action in self.declines else None

    def _queue(self, action: str, card_number: str, reason: str, by: str) -> RequestQueued:
        self.queue.append((action, card_number, reason, by))
        return RequestQueued(self._clock.now())

    def set_state(self, card_number: str, **changed: Any) -> None:
        if card_number in self.cards:
            self.cards[card_number] = msgspec.structs.replace(self.cards[card_number], **changed)


def _has_left(person: DirectoryPerson) -> bool:
    return person.left is not None and not person.continued


class _LogIn:
    """Implements `Administrators` over an issuer."""

    def __init__(self, issuer: SimulatedIssuer) -> None:
        self.issuer = issuer

    async def log_in(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        if "log_in" in self.issuer.declines:
            return RequestDeclined(self.issuer.declines["log_in"])
        if not_meant(proof, "administrator.login", proof.hsa_id):
            return RequestDeclined("bad_signature")
        if proof.hsa_id not in self.issuer.administrators:
            return RequestDeclined("not_administrator")
        vouched = replace(proof, by_server=self.issuer.online)
        name, by = self.issuer.administrators[proof.hsa_id], "server" if self.issuer.online else "list"
        return LoggedIn(proof.hsa_id, name, by, vouched, self.issuer.roles)  # type: ignore[arg-type]  # one of the two

    async def tasks(self, administrator: LoggedIn, *, take: str = "") -> Tasks | RequestDeclined | Unavailable:
        """Nothing waits at this issuer."""
        return Tasks() if self.issuer.online else Unavailable()


def _proved(der: bytes, request: bytes, proof: Signed | None) -> bool:
    return proof is not None and verifies(der, request, proof.signature, proof.algorithm)


def not_meant(proof: PersonProof, tag: str, subject: str) -> RequestDeclined | None:
    """Why the server would not count that proof: a signature that is not the card's, or another thing that was meant."""
    if not verifies(proof.certificate, proof.mandate, proof.signature, proof.algorithm):
        return RequestDeclined("bad_signature")
    return None if parse_mandate(proof.mandate).allows(tag, subject) else RequestDeclined("not_meant")


def _encipher(key: bytes, challenge: bytes) -> bytes:
    algorithm = TripleDES(key) if len(challenge) == 8 else AES(key)
    cipher = Cipher(algorithm, ECB()).encryptor()  # noqa: S305 - the standard asks for single blocks
    return cipher.update(challenge) + cipher.finalize()

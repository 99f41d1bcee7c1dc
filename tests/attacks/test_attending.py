"""Attacks on who may attend: cards of too low a level or another purpose, strangers to the organisation, and roles."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.model import CardFacts, Certificate, Holder
from drivers.reader.outcomes import Signed
from fleet.agent import outbox, sync
from fleet.agent.store import StationStore
from fleet.messages.link import Administrator
from fleet.server.people.queries import replace_administrators
from kiosk.errands.attend.stories import RESERVE
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway
from kiosk.issuer.ports import CardWord, LoggedIn
from sim.reader.personas import person
from sim.reader.pki import KeyPurpose, Loa
from sim.stories.administrator import HOUSE, two
from sim.stories.administrators import administrator, listed
from sim.stories.clock import NOW, HandClock
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.person import puts
from sim.stories.room import authority, persona_of, quick_folder
from sim.stories.setting import attended
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, Fleet, fleet, identity

LISTED = administrator(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name)


class Listed:
    """The signed list that the station holds."""

    def __init__(self, *people: Administrator) -> None:
        self._people = people

    async def administrator(self, hsa_id: str) -> Administrator | None:
        return next((one for one in self._people if one.hsa_id == hsa_id), None)

    async def are_recent(self) -> bool:
        return True


class Key:
    """A key of the listed administrator with a certificate of the true issuer: for another purpose, or of another level."""

    def __init__(self, purpose: KeyPurpose = "identification", loa: Loa = 3) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        persona = replace(persona_of("13:new"), loa=loa)
        issued = authority().issue(persona, self._key.public_key(), purpose, NOW)
        self._certificate = issued.public_bytes(Encoding.DER)

    async def __call__(self, message: bytes) -> Signed:
        return Signed(self._key.sign(message, ec.ECDSA(hashes.SHA256())), "ES256", self._certificate)

    async def log_in(self, ports: Mapping[str, Any], level: int) -> object:
        """What comes of it where a dishonest station says that this certificate is for identification, of that level."""
        holder, number = Holder(ADMINISTRATOR.name, ADMINISTRATOR.hsa_id), ADMINISTRATOR.new.card_number
        certificate = Certificate(
            "01", "", "", "", "", NOW, NOW, "identification", level, "ok", self._certificate, holder=holder
        )
        facts = CardFacts("r", b"", "pkcs15", "", "00", number, holder, (), (certificate,), b"")
        word = await ports["directory"].state(number)
        nonce = word.nonce if isinstance(word, CardWord) else ""
        proof = await ports["proofs"].prove(facts, self, (f"administrator.login {ADMINISTRATOR.hsa_id}",), nonce)
        return await ports["administrators"].log_in(proof)


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path / "fleet") as one:
        yield one


@pytest.fixture
def ports(region: Fleet, tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    store = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, *SCHEMAS])
    gateway = IssuerGateway(identity(), store, region.link, HandClock())
    trust = TrustStore(authority().anchors(), authority().intermediates())
    yield gateway.ports(Listed(LISTED), trust)  # type: ignore[arg-type]
    store.close()


KEYS: dict[str, tuple[Key, int]] = {
    "level 2": (Key(loa=2), 2),
    "for signatures": (Key("signature"), 3),
}


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
@pytest.mark.parametrize("which", KEYS)
async def test_a_certificate_that_is_not_for_it_logs_nobody_in(
    region: Fleet, ports: Mapping[str, Any], which: str, online: bool
) -> None:
    """A certificate of level 2, or one for signatures, logs an administrator in."""
    region.link.set_online(online)
    key, level = KEYS[which]
    assert isinstance(await Key().log_in(ports, 3), LoggedIn), "with the right one it goes"
    claimed = 3 if online else level  # the server does not believe a station for the level
    assert not isinstance(await key.log_in(ports, claimed), LoggedIn)


async def test_an_administrator_of_another_organisation_is_nobody_here(region: Fleet, ports: Mapping[str, Any]) -> None:
    """An administrator of another organisation attends here."""
    with region.database.writing.begin() as connection:
        replace_administrators(connection, [listed(LISTED.hsa_id, LISTED.name, "annex-*")])
    assert not isinstance(await Key().log_in(ports, 3), LoggedIn)


async def opened(folder: Path, tale: ErrandStory) -> bool:
    """Whether a slot was opened in that story."""
    with quick_folder(folder) as quick:
        room, _, _ = await play(quick, tale)
        try:
            return "slot.open opened" in await room.told()
        finally:
            await room.close()


async def test_a_card_of_level_2_attends_nothing(tmp_path: Path) -> None:
    """An administrator's reserve card of level 2 attends a hand-over of level 3 while the cable is out."""
    weak = {"13:new": replace(persona_of("13:new"), loa=2)}
    assert not await opened(tmp_path, ErrandStory("", "attend", attended, replace(HOUSE, changed=weak)))


@pytest.mark.parametrize("first", [("KRA",), ("KRA", "KUR")])
async def test_two_without_the_role_for_it_hand_nothing_to_a_protected_identity(
    tmp_path: Path, first: tuple[str, ...]
) -> None:
    """Two administrators of whom not both have the role KUR hand a reserve card to a protected identity."""

    def prepare(room: object) -> None:
        two(room)  # type: ignore[arg-type]
        own = person(13).hsa_id
        room.orders.administrators[own] = administrator(own, "Maj", first)  # type: ignore[attr-defined, arg-type]

    protected = replace(RESERVE, order={"product": "reserve", "protected": True, "name": None})
    tale = ErrandStory(
        "", "attend", lambda: attended(insert_second=puts("14:new", "administrator")), protected, prepare=prepare
    )
    assert not await opened(tmp_path, tale)

"""A renewal where nobody can say that a certificate holds: the card is not called invalid, and a new certificate not faulty."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from drivers.reader.card_reader import CardReader
from drivers.reader.certificates.revocation import UNKNOWN, RevocationResult
from drivers.reader.certificates.trust_store import TrustStore
from kiosk.errands.renew_certificate.stories import renew, stops
from kiosk.ports import Ended
from sim.stories.certificates import ONE, old_is
from sim.stories.errand_stories import OWN, ErrandStory, play
from sim.stories.own_card import MINE, trusting
from sim.stories.person import Person, Story
from sim.stories.room import Room, authority, quick_folder


class OfThisMorning:
    """Implements `Revocation`: answers of this morning, which know of no certificate that is younger."""

    def __init__(self, known: set[int]) -> None:
        self.known = known

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        return RevocationResult("good") if certificate.serial_number in self.known else UNKNOWN


def strict(room: Room) -> None:
    """The station takes a certificate whose standing nobody knows for unchecked."""
    known = {key.certificate.serial_number for key in room.world.card(MINE).keys}
    known |= {certificate.serial_number for certificate in authority().intermediates()}
    trust = TrustStore(authority().anchors(), authority().intermediates(), revocation=OfThisMorning(known), hard=True)
    room.readers.append(CardReader(room.world.backend, room.caps.reader.name, replace(room.settings, trust=trust)))
    room.equip(reader=room.readers[-1])


async def renewed(
    folder: Path, story: Story, prepare: Callable[[Room], None], *, old: bool, new: bool
) -> tuple[Person, Ended]:
    def prepared(room: Room) -> None:
        ONE(room)
        prepare(room)

    with quick_folder(folder) as quick:
        tale = ErrandStory("", "renew_certificate", lambda: story, OWN, prepare=prepared)
        room, someone, ended = await play(quick, tale)
        if someone.failure is not None:
            raise someone.failure
        old_is(old, new=new)(room)
        await room.close()
    return someone, ended


async def test_a_card_whose_issuer_nobody_can_check_here_is_told_so_before_its_code(tmp_path: Path) -> None:
    someone, ended = await renewed(tmp_path, stops("card_not_trusted")(), trusting(), old=True, new=False)
    assert (ended.outcome, ended.reason, someone.typed) == ("refused", "card_not_trusted", [])


async def test_a_new_certificate_of_which_no_list_knows_yet_stays_on_the_card(tmp_path: Path) -> None:
    _, ended = await renewed(tmp_path, renew(old="keep")(), strict, old=True, new=True)
    assert ended.outcome == "done"

"""People read from a real slapd: TLS, paging, and what refuses; and a leaver who is handed nothing, without a restart."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.agent import outbox, sync
from fleet.agent.store import StationStore
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.cli import main
from fleet.server.live_feed.hub import Hub
from fleet.server.people.directory_settings import DirectorySettings
from fleet.server.people.directory_sync import DirectorySync
from fleet.server.people.model import DirectoryAwayError, DirectoryPage, PersonRow
from fleet.server.people.queries import find_person
from fleet.server.people.service import import_people
from fleet.server.process.default_settings import SettingsError
from kiosk.errands.activate import stories as activating
from kiosk.errands.return_card import stories as returning
from kiosk.issuer.gateway import SCHEMAS, IssuerGateway
from kiosk.station import journal
from sim.issuer.database import Seed
from sim.reader.personas import person
from sim.stories.clock import NOW, HandClock
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.room import Room, authority, quick_folder
from sim.stories.setting import Setting, own_card
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, CARD, HOLDER, Fleet, fleet, identity
from tests.fakes.server.directory_server import DirectoryServer, directory

__all__ = ["directory"]


def read(server: DirectoryServer, **changed: Any) -> DirectoryPage:
    from fleet.server.people.ldap_directory import LdapDirectory  # the fixture has looked for bonsai

    return LdapDirectory(server.settings(**changed)).people()


def hsa_id(number: int) -> str:
    return f"TEST000000-{number:04}"


def test_everybody_is_read_page_by_page_with_what_the_region_s_attributes_say(directory: DirectoryServer) -> None:
    certificate = authority().anchors()[0].public_bytes(Encoding.DER)
    for number in range(11):
        directory.add(hsa_id(number), f"Alva Test{number}")
    more = {"mail": "bo@region.example", "o": "Kliniken", "roomNumber": "20261120000000Z"}
    directory.add(hsa_id(11), "Bo Å Test", **more, **{"userCertificate;binary": certificate})
    directory.add(hsa_id(12), "Cia Test", roomNumber="a room")
    directory.add("no HSA-id", "Printer Test")
    page = read(directory)
    assert len(page.people) == 13
    assert page.people[hsa_id(11)] == {
        "name": "Bo Å Test", "left": "2026-11-20", "mail": "bo@region.example", "organisation": "Kliniken",
    }  # fmt: skip
    assert (page.certificates[hsa_id(11)], page.people[hsa_id(12)], page.unreadable) == ((certificate,), {}, 1)
    assert read(directory, url=f"ldap://{directory.plain}", starttls=True).people == page.people
    refused = [
        {"url": f"ldap://{directory.plain}"},
        {"ca": str(directory.folder / "other-ca.pem")},
        {"url": f"ldaps://{directory.secure.replace('127.0.0.1', 'localhost')}"},
        {"base": "ou=nobody,dc=region,dc=example"},
        {"bind_dn": "cn=nobody,dc=region,dc=example"},
        {"bind_dn": "cn=limited,dc=region,dc=example"},
        {"filter": "((("},
    ]
    for changed in refused:
        with pytest.raises(DirectoryAwayError, match=r"^LDAP: "):
            read(directory, **changed)
    directory.stop()
    with pytest.raises(DirectoryAwayError, match=r"^LDAP: ConnectionError"):
        read(directory)


def test_an_installer_sees_what_the_settings_find_and_no_name(
    directory: DirectoryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = directory.write_settings(tmp_path / "directory.toml")
    assert main(["directory-check", str(path)]) == 4
    assert "the search finds nobody" in capsys.readouterr().err
    directory.add(hsa_id(1), "Alva Test", mail="alva@region.example")
    directory.add(hsa_id(2), "Bo Test", roomNumber="2026-11-20")
    directory.add(hsa_id(3), "Cia Test", roomNumber="a room")
    assert main(["directory-check", str(path), "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said) == {
        "ok": True, "people": 3, "unreadable": 1, "name": 2, "left": 1, "mail": 1, "organisation": 0, "certificates": 0,
    }  # fmt: skip
    assert "Test" not in said
    path.write_text(path.read_text().replace("/ca.pem", "/other-ca.pem"))
    assert main(["directory-check", str(path)]) == 4
    assert "certificate verify failed" in capsys.readouterr().err


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path / "fleet") as made:
        made.simulator.fill(
            Seed(
                tuple(DirectoryPerson(one.hsa_id, one.name) for one in (HOLDER, ADMINISTRATOR)),
                (
                    CardRecord(CARD, HOLDER.hsa_id, "601", "active"),
                    CardRecord(person(1).new.card_number, HOLDER.hsa_id, "601", "waiting"),
                    CardRecord(ADMINISTRATOR.new.card_number, ADMINISTRATOR.hsa_id, "601", "active"),
                ),
                {},
                orders="order,hsa_id\n",
            )
        )
        yield made


async def test_who_leaves_the_directory_is_refused_at_the_next_pick_up_and_activation(
    directory: DirectoryServer, region: Fleet, tmp_path: Path
) -> None:
    from fleet.server.people.ldap_directory import LdapDirectory  # as above

    job = DirectorySync(region.database, LdapDirectory(directory.settings()), directory.settings(), Hub(), lambda: NOW)
    directory.add(HOLDER.hsa_id, HOLDER.name or "", mail="alva@region.example")
    for number in range(2):
        directory.add(hsa_id(9000 + number), "Bo Test")
    assert job.look() is not None
    assert [await ended(region, tmp_path, story) for story in HAND_OVERS] == ["", ""]
    directory.change(HOLDER.hsa_id, roomNumber="2026-02-20")
    assert job.look() is not None
    assert [await ended(region, tmp_path, story) for story in HAND_OVERS] == ["holder_left", "holder_left"]
    with region.database.reading.begin() as connection:
        row = find_person(connection, HOLDER.hsa_id)
    assert row is not None
    assert (row.left, row.mail) == ("2026-02-20", "alva@region.example")


async def test_who_goes_on_by_the_office_s_word_may_keep_the_card_that_a_leaver_returns(
    region: Fleet, tmp_path: Path
) -> None:
    keeps = ErrandStory("", "return_card", returning.back(why="left", keep="keep", kept="end"), Setting())
    for continued in (False, True):
        with region.database.writing.begin() as connection:
            row = PersonRow(HOLDER.hsa_id, HOLDER.name, left="2026-02-20", continued=continued)
            import_people(connection, [row], NOW)
        assert (await ended(region, tmp_path, keeps) == "kept") is continued


HAND_OVERS = (
    ErrandStory("", "pickup", own_card, Setting()),
    ErrandStory("", "activate", activating.by_post(), activating.TWO_READERS, prepare=activating.here),
)


async def ended(region: Fleet, folder: Path, story: ErrandStory) -> str:
    """Why the holder's errand ended, at a station that asks this server; empty where it ended well."""
    store = StationStore.open(folder / "station.sqlite", schemas=[outbox.SCHEMA, sync.SCHEMA, journal.SCHEMA, *SCHEMAS])
    gateway = IssuerGateway(identity(), store, region.link, HandClock(), on_files=lambda _files: None)

    def equip(room: Room) -> None:
        story.prepare(room)
        ports = gateway.ports(room.caps.orders, None)
        room.equip(directory=ports["directory"], proofs=ports["proofs"])

    try:
        with quick_folder(folder) as quick:
            room, someone, outcome = await play(quick, replace(story, prepare=equip))
            await room.close()
    finally:
        store.close()
    assert someone.failure is None or outcome.reason, someone.failure
    return outcome.reason or ""


BASE = """
[ldap]
url = "ldaps://ek.example"
ca = "ca.pem"
bind_dn = "cn=test"
bind_secret = "secret"
base = "dc=test"
[ldap.attributes]
hsa_id = "employeeNumber"
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("", ""), None),
        (('"ldaps://ek.example"', '"ldap://ek.example"'), "ldaps://, or ldap:// with starttls"),
        (('"ldaps://ek.example"', '"ldap://ek.example"\nstarttls = true'), None),
        (('"ca.pem"', '"other.pem"'), "ldap.ca"),
        (('"employeeNumber"', '"a)(b"'), "ldap.attributes.hsa_id"),
        (('"secret"', '"open"'), "mode 0600"),
        (('"secret"', '"empty"'), "anonymous"),
    ],
)
def test_settings_that_would_not_be_safe_are_refused(change: tuple[str, str], why: str | None, tmp_path: Path) -> None:
    for name, text, mode in (
        ("secret", "test-secret", 0o600),
        ("open", "x", 0o644),
        ("empty", "", 0o600),
        ("ca.pem", "", 0o644),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    path = tmp_path / "directory.toml"
    path.write_text(BASE.replace(*change) if change[0] else BASE)
    if why is None:
        assert DirectorySettings.load(path).ldap.bind_secret == str(tmp_path / "secret")
        return
    with pytest.raises(SettingsError, match=why.replace("`", "")) as refusal:
        DirectorySettings.load(path)
    assert "test-secret" not in str(refusal.value)

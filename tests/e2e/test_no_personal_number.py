"""I15, I5: every errand with a card that also bears a personal identity number leaves nothing of that number, in any encoding,
and no piece of its certificate, in any file of station, broker, issuer and server, in what was printed, or in the evidence.
"""

import contextlib
import json
import os
import sqlite3
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sim.demo.issuer import SEED
from sim.reader.cards import VirtualCard
from sim.reader.personas import MadeUpPerson, person
from sim.reader.pki import TestAuthority, default_directory
from tests.fakes.cards.sinks import PersonalData, personal_data
from tests.fakes.fleet.region import Region, activated_elsewhere, everybody_is_here
from tests.fakes.station import walking
from tests.fakes.station.walk_table import NO_CARD, ROWS, SECOND_READER, WHOSE, Row, answers_for

pytestmark = pytest.mark.broker
SHAPE = os.environ.get("KORTKIOSK_SHAPE", "siths")
WALKED = [row for row in ROWS if row.kind in ("B", NO_CARD) or (row.errand, row.kind) == ("attend", "A")]
"""By attending somebody gets the card with which a certificate is fetched to a reserve card later."""


def shaped_person(number: int) -> MadeUpPerson:
    """The made-up person, whose cards bear a personal identity number too."""
    someone = person(number)
    return replace(someone, old=replace(someone.old, shape=SHAPE), new=replace(someone.new, shape=SHAPE))


def test_no_personal_number_in_any_sink(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All errands one after the other, as the table of walks says they end; then every byte that was written is searched."""
    region = Region(tmp_path / "region", posted=tuple(WHOSE["activate"].values()))
    everybody_is_here(region.places.issuer / SEED)
    activated_elsewhere(region.places.issuer / SEED, {1, *WHOSE["unblock_attended"].values()})
    monkeypatch.setattr(walking, "person", shaped_person)
    monkeypatch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
    said = b""
    with region.issuer(), region.serve():
        for at, row in enumerate(WALKED):
            folder = tmp_path / f"{at}"
            folder.mkdir()
            said += walked(region, folder, capsys, row)
        region.becomes("stations", lambda told: told["items"][0]["online"] is not None)
        evidence = list(evidence_files(region))
    assert sum(name.startswith("evidence of card") for name, _ in evidence) > len(WALKED)
    sought = sought_data(tmp_path)
    assert len(sought.runs) > 1000, "no card bore a number"
    sinks = {"what the walks printed": said, **dict(evidence), **dict(files(region.places.folder))}
    assert any(b"receipt.issued" in data for data in sinks.values()), "no receipt was written anywhere"
    found = {name: traces for name, data in sinks.items() if (traces := sought.traces_in(data))}
    assert not found


def test_the_head_of_an_extension_is_no_trace_of_a_person() -> None:
    """Behind a last byte of the key, which another certificate has by chance."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "190101010016")])
    bearing = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    content, sought = bearing.tbs_certificate_bytes, personal_data([bearing])
    at = content.index(bytes.fromhex("0603551d"))
    assert sought.traces_in(content)
    assert not sought.traces_in(content[at - 10 : at + 10])


def walked(region: Region, folder: Path, capsys: pytest.CaptureFixture[str], row: Row) -> bytes:
    """One errand. Gives what it printed."""
    more = ["--admin-reader", "virtual"] if row.errand in SECOND_READER else []
    file = answers_for(region, folder, row)
    done = walking.walk(capsys, row.errand, file, *more, "--config", str(region.places.config))
    assert (done.last["outcome"], done.last["reason"]) == (row.outcome, row.reason), (row, done.said, done.views)
    return (json.dumps(done.lines, ensure_ascii=False) + done.said).encode()


def sought_data(folder: Path) -> PersonalData:
    """Of all cards that were used."""
    cards = [VirtualCard.load(path) for path in folder.glob("*/*.json")]
    authority = TestAuthority.load(default_directory())
    known = (*authority.anchors(), *authority.intermediates())
    return personal_data((key.certificate for card in cards for key in card.keys), known)


def evidence_files(region: Region) -> Iterator[tuple[str, bytes]]:
    """What the server proves of each card, and of the station, unpacked."""
    asked = [("card", person(number).new.card_number) for number in range(1, 13)]
    asked += [("station", region.api("stations")["items"][0]["name"])]
    for kind, value in asked:
        address = region.url(f"/api/v1/evidence?kind={kind}&value={value}")
        request = urllib.request.Request(address, headers={"Cookie": f"{region.cookie['name']}={region.session}"})
        with contextlib.suppress(urllib.error.HTTPError):  # nothing is held of a card that was not used
            packed = zipfile.ZipFile(BytesIO(urllib.request.urlopen(request).read()))
            yield from ((f"evidence of {kind} {value}: {name}", packed.read(name)) for name in packed.namelist())


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of station, server, issuer and broker, and each value of their databases: a page may split one."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
        if path.suffix == ".sqlite":
            with closing(sqlite3.connect(path)) as database:
                tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
                for table in tables:
                    rows = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name of the schema
                    values = (
                        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
                    )
                    yield f"{path.name}, table {table}", b"\n".join(values)

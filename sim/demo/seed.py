"""The made-up region of demo and tests: authority, enrolled station, orders of a dozen people, their cards and letters.

Three things are wrong on purpose: slot 14 holds another person's card, one letter belongs to another card, and one person's old
card has expired. One person has a protected identity.
"""

import base64
import csv
import hmac
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fleet.agent.identity import Broker
from fleet.messages.link import envelope_mac_input, release_code, release_mac_input
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.bench.cards import SpecialCard
from sim.bench.virtual_bench import BenchLetter, Scenario
from sim.demo.issuer import issuer_files
from sim.reader.personas import MadeUpPerson, administrators, people, person

STATION = "lasarettet-a"
SCOPE = "lasarettet-*"
"""Where the two administrators may attend."""
TITLE = "Lasarettet, entré A"
SLOTS = 24
MISPLACED = 7
"""This person's slot holds another card (person 10's old one)."""
POSTED = (11,)
"""These people's new cards came home by post: no slot has them."""
WRONG_LETTER = 8
"""This person's letter is that of person 3's card."""
SPECIAL = {
    "2:old": SpecialCard("Locked by three wrong codes", locked=True),
    "3:old": SpecialCard("Kind C: a PIV card", kind="C"),
    "4:old": SpecialCard("Its certificates have expired"),
    "6:old": SpecialCard("Kind D: a PIV token", kind="D"),
    "8:old": SpecialCard("On hold: it was forgotten"),
    "9:old": SpecialCard("Kind A: nothing but codes can be written", kind="A"),
    "11:old": SpecialCard("Two PINs: one to sign", two_pins=True),
    "12:old": SpecialCard("A reserve card"),
}
"""Old cards that are not as the others; what the issuer's register says of them is in `sim.demo.issuer`."""
COLUMNS = (
    "order", "hsa_id", "name", "protected", "card_number", "product", "loa", "station", "slot", "last_day",
    "envelope_key", "envelope_mac", "delivery",
)  # fmt: skip

_STATION_TOML = """\
# The demo's station. All paths are relative to this file; docs/operations-reference.md lists every key.
[station]
identity = "identity"
data = "data"
title = "{title}"
language = "sv"

[readers]
holder = "virtual"
administrator = "virtual"

[printer]
kind = "virtual"

[cabinet]
kind = "virtual"
slots = {slots}

[pins]
kind = "virtual"

[scanner]
kind = "virtual"

[envelope]
verify = "{verify}"

[display]
fullscreen = false
position = [0, 0]

[trust]
anchors = "{anchors}"
revocation = "data/revocation"
require_revocation = false  # the demo's station runs also where no issuer publishes lists
"""


@dataclass(frozen=True, slots=True)
class DemoRegion:
    """Paths of the demo's files and folders."""

    folder: Path
    authority: Path
    config: Path
    orders: Path
    administrators: Path
    fleet_data: Path
    bench: Path
    issuer: Path


def region(folder: Path) -> DemoRegion:
    """The names of the places; nothing is made."""
    return DemoRegion(
        folder,
        folder / "authority",
        folder / "station" / "station.toml",
        folder / "orders.csv",
        folder / "administrators.csv",
        folder / "fleet",
        folder / "station" / "data" / "bench",
        folder / "issuer",
    )


def seed(
    folder: Path,
    now: datetime,
    *,
    mqtt_port: int = 8883,
    verify: str = "server",
    anchors: str = "",
    cards: Path | None = None,
    posted: Collection[int] = POSTED,
) -> DemoRegion:
    """Make what is not there yet. Raises OSError, AuthorityError.

    `anchors`: PEM of the cards' issuers, else the bench's; `cards`: folder of the virtual cards' authority, else the bench's;
    `posted`: whose new cards came by post.
    """
    places = region(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not places.authority.exists():
        Authority.init(places.authority, ["localhost"], now)
    if not places.config.exists():
        authority = Authority(places.authority)
        code = authority.claim(STATION, now)
        enrol(authority, places.config.parent / "identity", Broker("localhost", mqtt_port), code, now)
        places.config.write_text(
            _STATION_TOML.format(title=TITLE, slots=SLOTS, verify=verify, anchors=anchors), encoding="utf-8"
        )
    if not places.orders.exists():
        write_orders(places, now, posted)
    _write_administrators(places)  # also where an earlier version made the folder, whose file had fewer columns
    if not places.issuer.exists():
        orders_csv = places.orders.read_text(encoding="utf-8")
        issuer_files(places.issuer, cards or places.bench / "authority", now, orders_csv, posted)
    return places


def slot_of(someone: MadeUpPerson) -> int:
    """Every second slot, so that the drawing shows empty ones too."""
    return 2 * someone.order


def scenario() -> Scenario:
    """Return what lies where on the bench at the start."""
    slots = {slot_of(someone): f"{someone.order}:new" for someone in people() if someone.order not in POSTED}
    slots[slot_of(person(MISPLACED))] = "10:old"
    hand = [f"{someone.order}:old" for someone in people() if someone.order != 10]
    hand += [f"{order}:new" for order in (MISPLACED, *POSTED)]
    hand += [f"{administrator.order}:new" for administrator in administrators()]
    letters = [_letter(someone) for someone in people()] + [_old_letter(someone) for someone in people()]
    return Scenario(slots, tuple(hand), tuple(letters), SLOTS, SPECIAL)


def _letter(someone: MadeUpPerson) -> BenchLetter:
    card = person(3).new if someone.order == WRONG_LETTER else someone.new
    return BenchLetter(someone.order, _addressee(someone), card.card_number, card.puk)


def _old_letter(someone: MadeUpPerson) -> BenchLetter:
    """The letter that came with the old card, which everybody here has kept."""
    return BenchLetter(someone.order, _addressee(someone), someone.old.card_number, someone.old.puk, "old")


def release_code_of(places: DemoRegion, someone: MadeUpPerson) -> str:
    """Return what the issuer prints in the letter of an LoA2 card, beside the PUK: see docs/messages.md."""
    _, key = _envelope_key(places.authority / "verifier" / "envelope-keys.json")
    made_over = release_mac_input(_order_no(someone), someone.new.card_number, _envelope_mac(key, someone))
    return release_code(hmac.digest(key, made_over, "sha256"))


def _envelope_mac(key: bytes, someone: MadeUpPerson) -> str:
    return hmac.digest(key, envelope_mac_input(someone.new.card_number, someone.new.puk), "sha256").hex()


def _order_no(someone: MadeUpPerson) -> str:
    return f"2026-{someone.order:04d}"


def _addressee(someone: MadeUpPerson) -> str:
    return someone.hsa_id if someone.protected_identity else someone.name


def write_orders(places: DemoRegion, now: datetime, posted: Collection[int] = POSTED) -> None:
    """The issuer's part: a code letter's HMAC goes with the order, its PUK never does."""
    key_id, key = _envelope_key(places.authority / "verifier" / "envelope-keys.json")
    with places.orders.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for someone in people():
            mac = _envelope_mac(key, someone)
            last_day = (now + timedelta(days=60 + someone.order)).date().isoformat()
            name = "" if someone.protected_identity else someone.name
            place = ("", "post") if someone.order in posted else (slot_of(someone), "station")
            rows.writerow(
                (
                    _order_no(someone), someone.hsa_id, name, "yes" if someone.protected_identity else "no",
                    someone.new.card_number, "ordinary", someone.new.loa, STATION, place[0], last_day, key_id, mac,
                    place[1],
                )
            )  # fmt: skip


def _write_administrators(places: DemoRegion) -> None:
    with places.administrators.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("hsa_id", "name", "roles", "level", "scope", "valid_from", "valid_until", "decision"))
        rows.writerows(
            (administrator.hsa_id, administrator.name, "KRA KUR", "3", SCOPE, "", "", "made up")
            for administrator in administrators()
        )


def _envelope_key(path: Path) -> tuple[str, bytes]:
    """The key of the code letters; made where the authority has none yet."""
    keys: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not keys:
        keys = {"letters-1": base64.b64encode(secrets.token_bytes(32)).decode()}
        path.touch(mode=0o600)
        path.write_text(json.dumps(keys), encoding="utf-8")
    key_id = next(iter(keys))
    return key_id, base64.b64decode(keys[key_id])

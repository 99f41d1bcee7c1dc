"""The whole that is attacked, as processes on loopback: authority, issuer simulator, `kortkiosk-fleet serve`; its people, cards,
stations and accounts as they were before anybody attacked; and what came of an attack, by register and store."""

import itertools
import json
import os
import secrets
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.attacks.running.browser import Browser
from tests.attacks.running.cards import Card, CardAuthority
from tests.attacks.running.station import Identity, Station
from tests.attacks.running.wire import b64

ROOT = Path(os.environ.get("KORTKIOSK_ATTACKED") or Path(__file__).parents[3])
HOME, ABROAD = "SE2321000999", "SE9999999999"
"""Two organisations: the first letters of their people's HSA-ids."""
HOLDERS, ADMINISTRATORS, WAITING = 150, 40, 24
"""People of each organisation; so many more who are ID administrators; new cards that are not handed over yet."""
PUK = "13579201"
LIMIT_S = 240.0
LONG_AGO = timedelta(days=400)


@dataclass(frozen=True)
class Account:
    """An account of the dashboard, with the session that somebody has."""

    name: str
    browser: Browser
    number: int


class World:
    """See the module. Use `started`."""

    def __init__(self, folder: Path, parts: ExitStack, holders: int) -> None:
        self.folder, self._parts, self._holders = folder, parts, holders
        self.mqtt, self.http, self.est, *self.issuer_ports = (free_port(parts) for _ in range(5))
        self.cards = CardAuthority(folder / "cards")
        self.counter = itertools.count(1)
        self._people = {place: itertools.count(1) for place in (HOME, ABROAD)}
        self._numbers, self._accounts = itertools.count(1), itertools.count(1)
        self._made: dict[str, list[Card]] = {HOME: [], ABROAD: []}
        self._free: dict[str, Iterator[Card]] = {}
        self._listed: list[tuple[Card, str]] = []

    @property
    def passphrase(self) -> tuple[str, str]:
        """Options that open the authority."""
        return "--passphrase-file", str(self.folder / "passphrase")

    # -- making it

    def start(self) -> None:
        """Everything, in the order in which it is needed."""
        authority, served = self.folder / "authority", self.folder / "served"
        (self.folder / "passphrase").write_text("made-up passphrase of attacks\n")
        (self.folder / "passphrase").chmod(0o600)
        self.provision("authority", "init", authority, "--issuing", *self.passphrase)
        self.provision("authority", "export-server", authority, served)
        self.provision("authority", "export-verifier", authority, served / "verifier")
        self._seed()
        secure, public = (f"127.0.0.1:{port}" for port in self.issuer_ports)
        issuer = self.folder / "issuer"
        self._run("issuer-simulator", "--data", issuer, "--seed", self.folder / "seed.json",
                  "--cards-authority", self.folder / "cards", "--secure", secure, "--public", public)  # fmt: skip
        self._serving = (
            "serve", "--unseparated", "--init", "--data", self.folder / "data", "--authority", served,
            "--issuer", issuer / "issuer.toml", "--mqtt", f"127.0.0.1:{self.mqtt}",
            "--http", f"127.0.0.1:{self.http}", "--station-http", f"127.0.0.1:{self.est}",
        )  # fmt: skip
        self._server = self._run(*self._serving)
        self._issuing = (
            _first_key(served / "server"),
            x509.load_pem_x509_certificate((served / "ca" / "issuing.pem").read_bytes()),
        )
        self.ca = served / "ca" / "ca.pem"
        for card, scope in self._listed:
            self.enlist(card, scope)
        assert eventually(lambda: bool(self.store("SELECT seen FROM deadline_clock"))), "nobody looks at the clock"
        self.at_server("UPDATE deadline_clock SET steady = ?", _stamp(datetime.now(UTC) - LONG_AGO))
        for name in ("first.test", "second.test"):
            self.add_row("first_hour", by=name, at=_stamp(datetime.now(UTC) - LONG_AGO))

    def enlist(self, card: Card, scope: str = "entre-*") -> Card:
        """Put its holder on the list of ID administrators, as two people did long ago."""
        days = {"valid_from": None, "valid_until": None}
        name = f"Admin {card.number[-2:]}"
        self.add_row("administrators", hsa_id=card.hsa_id, name=name, roles="KRA KUR", level=3, scope=scope, **days)
        return card

    def provision(self, *arguments: object) -> str:
        """`kortkiosk-provision`; what it printed."""
        return self._program("provisioning.cli", *arguments)

    def fleet(self, *arguments: object) -> str:
        return self._program("fleet.server.cli", *arguments)

    def _program(self, module: str, *arguments: object) -> str:
        command = [*_main(module), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def serve_again(self, root: Path) -> None:
        """Start the server anew, of another tree."""
        _end(self._server)
        self._server = self._run(*self._serving, root=root)

    def _run(self, name: object, *arguments: object, root: Path = ROOT) -> "subprocess.Popen[str]":
        """A program until the world ends; returns when it is ready."""
        log = self._parts.enter_context((self.folder / f"{name}.log").open("a"))
        command = [*_main("fleet.server.cli"), str(name), *map(str, arguments)]
        process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=log, text=True)
        self._parts.callback(_end, process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready"), (self.folder / f"{name}.log").read_text()
        return process

    def _seed(self) -> None:
        """People and cards of both organisations, each with an active card; some of them are ID administrators."""
        for place, scope in ((HOME, "entre-*"), (ABROAD, "annex-*")):
            self._made[place] = [self._new_card(place) for _ in range(self._holders + ADMINISTRATORS)]
            self._listed += [(card, scope) for card in self._made[place][:ADMINISTRATORS]]
            self._free[place] = iter(self._made[place][ADMINISTRATORS:])
        self._administrators = {place: iter(self._made[place][:ADMINISTRATORS]) for place in (HOME, ABROAD)}
        everybody = [card for made in self._made.values() for card in made]
        self._waiting = [self._new_card(HOME, holder) for holder in self._made[HOME][-WAITING:]]
        cards = [*((card, "active") for card in everybody), *((card, "handed_out") for card in self._waiting)]
        seed = {
            "people": [{"hsa_id": card.hsa_id, "name": f"Holder {card.number}"} for card in everybody],
            "cards": [
                {"card_number": card.number, "hsa_id": card.hsa_id, "product": "601", "state": state}
                for card, state in cards
            ],
            "pukes": {card.number: PUK for card in everybody},
            "certificates": {card.number: [b64(card.der)] for card, _ in cards},
        }
        (self.folder / "issuer" / "region").mkdir(parents=True)
        (self.folder / "seed.json").write_text(json.dumps(seed))

    def _new_card(self, place: str, holder: Card | None = None) -> Card:
        hsa_id = holder.hsa_id if holder else f"{place}-1B{next(self._people[place]):03d}"
        return Card.made(self.cards, hsa_id, f"99990000{next(self._numbers):08d}")

    # -- who and what there is, for one attack each

    def person(self, place: str = HOME) -> Card:
        """The active card of somebody whom no attack has had yet."""
        return next(self._free[place])

    def administrator(self, place: str = HOME) -> Card:
        """The card of an ID administrator whose scope is the stations of that organisation."""
        return next(self._administrators[place])

    def order(
        self, station: str, delivery: str = "station", state: str = "coming", card: Card | None = None
    ) -> tuple[str, Card]:
        """An order and its card, which was handed out and is dead until it is activated."""
        card, number = card or self._waiting.pop(), f"2026-{secrets.token_hex(3)}"
        now = datetime.now(UTC)
        self.add_row("orders", order=number, hsa_id=card.hsa_id, name="Holder", protected=0, card_number=card.number,
                     product="601", loa=3, station=station, slot=0, last_day="2030-01-01", state=state,
                     changed=_stamp(now - LONG_AGO), made=_stamp(now - LONG_AGO), delivery=delivery)  # fmt: skip
        return number, card

    def order_state(self, number: str) -> str:
        return str(self.store('SELECT state FROM orders WHERE "order" = ?', number)[0][0])

    def identity(self, name: str) -> Identity:
        """A station's key and certificate, as after an enrolment of long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        above, issuer = self._issuing
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=80))
            .not_valid_after(now + timedelta(days=9))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(above, hashes.SHA256())
        )
        return self.keep_identity(name, key, [certificate, issuer])

    def read_identity(self, name: str, folder: Path) -> Identity:
        """What `kortkiosk-provision enrol` has made."""
        chain = x509.load_pem_x509_certificates((folder / "station.pem").read_bytes())
        key = load_pem_private_key((folder / "station.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return self.keep_identity(name, key, chain)

    def keep_identity(self, name: str, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> Identity:
        """Files for TLS."""
        folder = self.folder / f"{name}-{secrets.token_hex(2)}"
        folder.mkdir()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "station.key").write_bytes(pem)
        (folder / "station.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        return Identity(name, folder / "station.key", folder / "station.pem", self.ca, key, chain[0])

    @contextmanager
    def station(self, name: str = "", identity: Identity | None = None) -> Iterator[Station]:
        """A station that is connected; without a name a new one of the first organisation."""
        station = Station(identity or self.identity(name or f"entre-{secrets.token_hex(3)}"), self.mqtt)
        assert station.connect(), f"the broker did not let {station.name} in"
        try:
            yield station
        finally:
            station.close()

    def knows_certificate(self, station: Station) -> None:
        """Have the server know the station's certificate as one that it has issued itself."""
        leaf = station.identity.certificate
        days = {"issued": _stamp(leaf.not_valid_before_utc), "not_after": _stamp(leaf.not_valid_after_utc)}
        self.add_row("issued_certificates", serial=f"{leaf.serial_number:x}", station=station.name, epoch=1, key="", chain="",
                     **days)  # fmt: skip

    def account(
        self,
        role: str = "admin",
        stations: str = "*",
        *,
        stepped_up: bool | int = False,
        ago: timedelta = LONG_AGO,
        name: str = "",
        hsa_id: str = "",
    ) -> Account:
        """A person's account of long ago, and a session of it. `stepped_up`: just now, or so many minutes ago and
        one; `hsa_id`: as two have said."""
        number, value, now = 10_000 * next(self._accounts), secrets.token_urlsafe(32), datetime.now(UTC)
        name = name or f"person{number // 10_000}.test"
        bound = {"hsa_id": hsa_id, "hsa_until": _stamp(now + timedelta(days=99))} if hsa_id else {}
        self.add_row("users", id=number, name=name, step=0, disabled=0, made=_stamp(now - ago), **bound)
        self.add_row("grants", user=number, role=role, stations=stations)
        at = _stamp(now - timedelta(minutes=int(stepped_up) - 1)) if stepped_up else None
        self.add_row("sessions", hash=sha256(value.encode()).hexdigest(), user=number, made=_stamp(now),
                     used=_stamp(now), ends=_stamp(now + timedelta(hours=8)), address="127.0.0.1", stepped_up=at)  # fmt: skip
        return Account(name, Browser(self.http, value), number)

    def token(self, role: str, stations: str = "*") -> Browser:
        """A program's token."""
        value, now = f"kkf_{secrets.token_urlsafe(32)}", datetime.now(UTC)
        granted = {"name": f"robot-{secrets.token_hex(3)}", "role": role, "stations": stations, "organisations": ""}
        self.add_row("tokens", hash=sha256(value.encode()).hexdigest(), **granted, revoked=0,
                     made=_stamp(now), ends=_stamp(now + timedelta(days=30)))  # fmt: skip
        return Browser(self.http, token=value)

    def issued(self, card: Card, **record: Any) -> Card:
        """Have the issuer know a card that it made while nobody looked, or know it as that from now on."""
        facts = {"card_number": card.number, "hsa_id": card.hsa_id, "product": "601", "state": "active", **record}
        row = card.number, card.hsa_id, json.dumps(facts).encode(), PUK
        self._change("issuer/issuer.sqlite", "INSERT OR REPLACE INTO card VALUES (?, ?, ?, ?)", *row)
        return card

    def at_issuer(self, change: str, *values: Any) -> None:
        """What the issuer's office did on its own."""
        self._change("issuer/issuer.sqlite", change, *values)

    def at_server(self, change: str, *values: Any) -> None:
        """The same in the server's store: time that passed, or what somebody did before."""
        self._change("data/fleet.sqlite", change, *values)

    def cards_of(self, place: str) -> list[Card]:
        """Active cards of everybody of that organisation: to be read, never to be changed."""
        return self._made[place]

    def waits(self, card: Card, station: str) -> None:
        """Give a card business at a station: an order of it waits there."""
        self.order(station, card=card)

    def tls(self) -> ssl.SSLContext:
        """TLS that rests on the fleet's authority."""
        return ssl.create_default_context(cafile=str(self.ca))

    # -- what came of it

    def card(self, number: str) -> dict[str, Any]:
        """The issuer's own register: the card's record, and `puk` as long as it was not released."""
        rows = self._rows("issuer/issuer.sqlite", "SELECT content, puk FROM card WHERE number = ?", number)
        return {**json.loads(rows[0][0]), "puk": rows[0][1]}

    def certificates(self, number: str) -> list[x509.Certificate]:
        """All that the issuer has made for that card."""
        rows = self._rows("issuer/issuer.sqlite", "SELECT der FROM certificate WHERE card = ?", number)
        return [x509.load_der_x509_certificate(der) for (der,) in rows]

    def issuer_audit(self, number: str, what: str) -> list[tuple[Any, ...]]:
        """What the issuer did to a card: for whom, and the outcome."""
        query = "SELECT people, outcome FROM audit WHERE card = ? AND what = ?"
        return self._rows("issuer/issuer.sqlite", query, number, what)

    def store(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the server's store."""
        return self._rows("data/fleet.sqlite", query, *values)

    def alarms(self) -> set[tuple[str, str, str]]:
        """What was raised and what people are told of: station, code and subject."""
        rows = self.store("SELECT station, code, argument FROM alarms UNION SELECT station, code, subject FROM alerts")
        return {(str(station), str(code), str(about)) for station, code, about in rows}

    def _rows(self, file: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder / file}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def add_row(self, table: str, **row: Any) -> None:
        """What was so before anybody attacked."""
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        self._change("data/fleet.sqlite", f'INSERT INTO "{table}" ({names}) VALUES ({marks})', *row.values())  # noqa: S608

    def _change(self, file: str, change: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.folder / file, timeout=20)) as connection, connection:
            connection.execute(change, values)


@contextmanager
def started(folder: Path, holders: int = HOLDERS) -> Iterator[World]:
    with ExitStack() as parts:
        world = World(folder, parts, holders)
        world.start()
        yield world


def eventually(happened: Callable[[], bool], limit_s: float = 8.0) -> bool:
    """Whether it happens within that time."""
    until = time.monotonic() + limit_s
    while not (so := happened()) and time.monotonic() < until:
        time.sleep(0.1)
    return so


def free_port(parts: ExitStack) -> int:
    """A port that the kernel gives to nobody else: bound and not listened on (servers set SO_REUSEADDR)."""
    kept = parts.enter_context(socket.socket())
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    port: int = kept.getsockname()[1]
    return port


def _main(module: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())"]


def _first_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(next(iter(sorted(folder.glob("issuing-*.key")))).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _stamp(moment: datetime) -> str:
    """As the store writes a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
    if process.stdout is not None:
        process.stdout.close()

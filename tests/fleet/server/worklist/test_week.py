"""A week at fourteen stations: each lost card, wrong bin, unregistered hand-over and leaver stands on the worklist, and somebody
brings each to its end from there, in a browser. The issuer is the simulated one, over its own TLS; stations are chains of events.

With `KORTKIOSK_PICTURES=FOLDER` the page is drawn into the folder.
"""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey
from playwright.async_api import Browser, Page

from fleet.messages.asking import HoldAsk
from fleet.messages.issuing import CardRecord, DirectoryPerson, HoldReason
from fleet.messages.vocabulary import EventType
from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.ingest.write import Writer
from fleet.server.issuer_wiring import connected
from fleet.server.issuers.request_sender import RequestSender
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.keys.signing import Signer
from fleet.server.live_feed.hub import Hub
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.web.roles import Role
from sim.issuer.core import Simulator
from sim.issuer.database import Seed, card_of
from sim.issuer.server import SimulatorConfig, open_issuer
from tests.fakes.issuers.issuing_fleet import ANY_PORT
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.live_site import PATIENCE_MS, Served
from tests.fakes.server.readings import NOW, ZONE
from tests.fakes.server.receipts import signed_receipt
from tests.fakes.server.visitors import COOKIE, SEALER, let_in, session
from tests.fleet.server.app.axe import violations
from tests.fleet.server.app.conftest import browser
from tests.fleet.server.conftest import SealingStation, arrived, hold_orders, record
from tests.fleet.server.worklist.conftest import KRA, Desk

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STATIONS = [f"station-{number:02}" for number in range(1, 15)]
PICTURES = os.environ.get("KORTKIOSK_PICTURES")


@dataclass
class Week:
    """The region and its issuer; `expected` is what the worklist must have, by kind and card or station."""

    desk: Desk
    issuer: IssuerAnswers
    simulator: Simulator
    chains: dict[str, SealingStation] = field(default_factory=dict)
    people: int = 0
    expected: set[tuple[str, str]] = field(default_factory=set)

    def sender(self) -> RequestSender:
        return RequestSender(self.desk.database, self.issuer, self.desk.changes, self.desk.clock)

    def seal(self, station: str, kind: str, content: dict[str, object]) -> None:
        """An event of that station, now, which the server has taken."""
        chain = self.chains.setdefault(station, SealingStation(station))
        event = chain.seal(kind, content, time=self.desk.now.isoformat())
        Writer(self.desk.database).commit(arrived(event), self.desk.now)

    def new_card(self, station: str) -> tuple[str, str]:
        """An order for somebody new: the number of the card, and the HSA-id."""
        self.people += 1
        card, hsa_id = f"97522690330{self.people:05}", f"TEST000000-{self.people:04}"
        name = f"Person {self.people} Test"
        held = CardRecord(card, hsa_id, "601", "waiting")
        self.simulator.fill(Seed(people=(DirectoryPerson(hsa_id, name),), cards=(held,)))
        order = record(f"O-{self.people}", card_number=card, hsa_id=hsa_id, name=name, station=station, slot=3)
        hold_orders(self.desk.database, replace(order, last_day="2026-12-31"), now=self.desk.now)
        return card, hsa_id

    def pick_up(self, station: str) -> tuple[str, str]:
        card, hsa_id = self.new_card(station)
        about: dict[str, object] = {"errand": f"e-{self.people}", "order": f"O-{self.people}", "card_number": card}
        self.seal(station, EventType.EFFECT_DONE, {**about, "effect": "slot.take", "outcome": "taken", "slot": 3})
        self.seal(station, EventType.CARD_ACTIVATED, about)
        receipt = signed_receipt(station, f"R-{self.people}", f"O-{self.people}", card)
        said = {"number": f"R-{self.people}", "receipt": receipt, "signed": "attested"}
        self.seal(station, EventType.RECEIPT_ISSUED, {**about, **said})
        self.desk.received(f"O-{self.people}", card, station, hsa_id)
        return card, hsa_id

    async def report(self, station: str, card: str, reason: HoldReason) -> None:
        """Somebody reports it by its number."""
        ask = HoldAsk(id=f"{len(self.expected) + 1:032x}", card_number=card, reason=reason, wanted="")
        assert (await self.issuer.answer(station, ask)).ok
        self.expected.add(("hold", card))

    def empty_bin(self, station: str, counted: int) -> None:
        content = {"by": KRA, "second": "TEST000000-A002", "counted": counted, "expected": 20, "seal": "4411"}
        self.seal(station, EventType.BIN_EMPTIED, {"errand": f"b-{station}", **content, "reason": "missing"})
        if counted != 20:
            self.expected.add(("bin", station))

    def leave(self, hsa_id: str, card: str, day: datetime) -> None:
        with self.desk.database.writing.begin() as connection:
            import_people(connection, [PersonRow(hsa_id, None, left=day.date().isoformat())], self.desk.now)
        self.expected.add(("left", card))

    def register_has(self, card: str) -> str:
        with self.simulator.state.change() as cx:
            held = card_of(cx, card)
        assert held is not None
        return held.state

    def waiting(self) -> set[tuple[str, str]]:
        return {(row.kind, row.card_number or row.subject) for row in self.desk.worklist.rows()}


async def live(week: Week) -> None:
    """Seven days: people come everywhere, and now and then something stays undone. On the last day the issuer has no interface:
    hand-overs are for people to register in its portal."""
    begins = NOW - timedelta(days=7)
    handed: list[tuple[str, str, str]] = []
    for day in range(7):
        week.desk.now = begins + timedelta(days=day)
        for number in range(3):
            station = STATIONS[(3 * day + number) % len(STATIONS)]
            handed.append((station, *week.pick_up(station)))
        if day == 6:
            week.issuer.parts = replace(week.issuer.parts, handovers="portal")
            week.expected |= {("handover", card) for _, card, _ in handed[-3:]}
        await week.sender().carry()
        station, card, _ = handed[day]
        if day in (1, 3):
            await week.report(station, card, "lost" if day == 1 else "stolen")
        if day in (2, 4):
            week.empty_bin(station, 19 if day == 2 else 20)
        if day == 5:
            week.leave(handed[2][2], handed[2][1], week.desk.now)
    week.desk.now = NOW


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk.opened(tmp_path_factory.mktemp("week") / "fleet.sqlite")
    yield made
    made.database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def week(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Week]:
    desk.listed((KRA, ("KRA",)), stations=("*",))
    folder = tmp_path_factory.mktemp("issuer")
    async with open_issuer(SimulatorConfig(folder, ANY_PORT, ANY_PORT), desk.clock) as running:
        settings = IssuerSettings.load(running.settings)
        signer, alarms = Signer(ECKey.generate_key("P-256")), AlarmRecorder(desk.database)
        async with connected(settings, desk.database, signer, alarms, desk.clock) as (answers, _):
            week = Week(desk, answers, running.simulator)
            await live(week)
            yield week


@pytest_asyncio.fixture(loop_scope="module")
async def page(week: Week, browser: Browser) -> AsyncIterator[Page]:
    database, clock = week.desk.database, week.desk.clock
    access, hub = Access(database, clock, SEALER), Hub()
    app = create_app(
        StoreReadings(database, clock), hub, access, FakeAlerts([]), commands_of(database, clock, hub), clock=clock, zone=ZONE,
        cards=CardServices.of(database, hub, clock, load_deadlines()),
    )  # fmt: skip
    served = Served(app, hub)
    await served.start()
    context = await browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    await let_in(context, f"{COOKIE}={session(access, Role.ID_ADMINISTRATOR, name=KRA)}")
    page = await context.new_page()
    await page.goto(f"{served.url}/worklist")
    yield page
    await context.close()
    await served.stop()


async def test_what_a_week_left_undone_is_brought_to_its_end_from_the_worklist(week: Week, page: Page) -> None:
    kinds = {kind for kind, _ in week.expected}
    assert week.waiting() == week.expected
    assert kinds == {"hold", "bin", "handover", "left"}, "each of them is in the week"
    in_menu = await page.inner_text("#count-worklist em")
    assert in_menu.split()[0] == str(len(week.expected))
    assert await violations(page) == []
    await picture(page, "worklist")
    for _ in range(len(week.expected)):
        await end_first(page)
        await week.sender().carry()
        await page.goto(page.url.partition("/worklist")[0] + "/worklist")
    await page.get_by_text("Inget väntar på någon.").wait_for()
    assert week.waiting() == set()
    handed = [f"97522690330{number:05}" for number in range(1, week.people + 1)]
    told = {card for card in handed if card not in {card for _, card in week.expected}}
    assert {week.register_has(card) for card in told} == {"active"}, "of each hand-over by its interface"
    dead = [card for kind, card in week.expected if kind in ("hold", "left")]
    assert {week.register_has(card) for card in dead} == {"blocked"}, "the issuer has heard of each"
    await picture(page, "worklist-empty")


async def end_first(page: Page) -> None:
    """What its one action is, with a word where one is wanted."""
    word = page.get_by_label("Hur det gjordes")
    if await word.count():
        await word.fill("infört och kontrollerat")
    await page.locator("#chosen .doings .btn.pri").first.click()
    await page.locator("#live").wait_for()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.screenshot(path=str(Path(PICTURES) / f"{name}-390x844.png"))
        await page.set_viewport_size({"width": 1440, "height": 900})

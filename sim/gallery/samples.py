"""One sample of every view that the station can show, made by the same functions that the errands use.

A test holds this list against the view modules, so a new view cannot be forgotten. People and numbers are made up.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from drivers.printer.usb_printers import UsbPrinter
from drivers.reader.model import CardFacts
from fleet.messages.errand_catalog import catalog
from fleet.messages.link import Lack
from fleet.messages.vocabulary import DeviceKind, DeviceStatus, Effect, ErrandOutcome, FindingCode
from kiosk.errands.registry import ERRANDS
from kiosk.findings import CardFinding
from kiosk.first_boot import views as setup
from kiosk.first_boot.assistant import Step as SetupStep
from kiosk.first_boot.disks import Disk
from kiosk.issuer.ports import SwitchOff
from kiosk.opening_hours import DAYS, OpeningHours
from kiosk.region import BothLanguages, Place, RegionSettings, general
from kiosk.station import home_views as home
from kiosk.station.closed_views import closed_home_view, contacts_of
from kiosk.station.journal import Interrupted
from kiosk.station.open_slots import OpenSlot
from kiosk.station.self_test import SelfTestResult
from kiosk.steps import aborted_views
from kiosk.steps.context import ViewContext
from kiosk.steps.hand_over import WHO
from kiosk.steps.identity import administrator_views
from kiosk.steps.reader_role_views import WHICH
from kiosk.steps.who_helps import not_printed, printable, printing, telling_who_helps
from kiosk.views import View
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import KeyShown
from sim.gallery.made_up import ADMINISTRATOR, CARD_FACTS


def samples() -> Iterator[tuple[str, View[Any]]]:
    """(file name, view), in the order of the errands. Names repeat a view with what is different about it."""
    yield from _home()
    for entry in catalog():
        name = f"kiosk.errands.{entry.id}.samples"
        if find_spec(name) is not None:  # `attend` has no view of its own
            made = import_module(name).samples()
            yield from made if entry.who == "administrator" else _at_night(made)
    yield from _setup()
    yield from _at_night(_log_in(CARD_FACTS, WHO))
    yield from _at_night(_closing())


def _at_night(made: Iterator[tuple[str, View[Any]]]) -> Iterator[tuple[str, View[Any]]]:
    """As the station shows them while the office is closed."""
    for name, view in made:
        yield name, telling_who_helps(view, WITH_PLACES, "entre-a", NIGHT)


_WEEKDAYS = OpeningHours.model_validate(dict.fromkeys(DAYS[:5], ("07:30-16:00",)))
_ALWAYS = OpeningHours.model_validate(dict.fromkeys(DAYS, ("00:00-24:00",)))
WITH_PLACES = RegionSettings(
    block_line=general().block_line,
    place={
        "entre-a": Place(
            house="Hus B",
            floor="plan 2",
            room="rum 214",
            telephone="0980-319 240",
            hours=_WEEKDAYS,
            nearest={"akuten": 250},
        ),
        "akuten": Place(house="Akuten", floor="hus C", station=False, hours=_ALWAYS),
    },
)
NIGHT = datetime.fromisoformat("2026-11-25T03:10").astimezone()
"""A Wednesday, by the clock of the wall."""
ON_THE_TILE = {"sv": "Gå till kontoret till och med på fredag.", "en": "Go to the office, today and until Friday"}


def _home() -> Iterator[tuple[str, View[Any]]]:
    line, interrupted = general().block_line, [Interrupted("", "pickup", Effect.CARD_UNBLOCK, "1")]
    yield "home", home.home_view(line, [(offered, None) for offered in ERRANDS], (), forgotten=False)
    yield "home-alone", home.home_view(line, [(ERRANDS[0], None)], (), forgotten=False)
    yield "home-with-card", home.card_view(CARD_FACTS, (), [(offered, None) for offered in ERRANDS])
    yield (
        "home-with-administrators-card",
        home.card_view(CARD_FACTS, (), [(offered, None) for offered in ERRANDS], administers=True),
    )
    for code, errand in (
        (FindingCode.PIN_LOCKED, "unblock"),
        (FindingCode.ON_HOLD, "report_lost"),
        (FindingCode.ALIKE, None),
    ):
        view = home.card_view(CARD_FACTS, (CardFinding(code, errand),), [(offered, None) for offered in ERRANDS])
        yield f"home-with-{code.replace('_', '-')}", view
    yield (
        "home-with-card-others",
        home.other_card_errands_view(CARD_FACTS, (), [(offered, None) for offered in ERRANDS]),
    )
    yield "home-open-slot", home.open_slot_view(OpenSlot(14, 24, seen_to=False), "ID-kontoret, plan 2, 08-123 45 67")
    seen_to = OpenSlot(14, 24, seen_to=True)
    yield (
        "home-slot-open",
        home.home_view(line, [(offered, None) for offered in ERRANDS], (), forgotten=False, open_slot=seen_to),
    )
    yield "home-looking", home.register_view()
    for strange in ("mute", "unknown", "secured", "unread", "busy"):
        yield f"home-strange-{strange}", home.strange_card_view(strange)
    yield (
        "home-unavailable",
        home.home_view(line, [(offered, home.unavailable_text("cabinet")) for offered in ERRANDS], (), forgotten=False),
    )
    yield (
        "home-interrupted",
        home.home_view(line, [(offered, None) for offered in ERRANDS], interrupted, forgotten=False),
    )
    for state in ("out_of_paper", "mute"):
        printer_view = home.home_view(
            line, [(offered, None) for offered in ERRANDS], (), forgotten=False, printer=state
        )
        yield f"home-printer-{state.replace('_', '-')}", printer_view
    own = home.unavailable_text("switched_off", SwitchOff("errand", "", ON_THE_TILE))
    off = [(offered, own if offered.id in ("pickup", "unblock") else None) for offered in ERRANDS]
    yield "home-switched-off", home.home_view(line, off, (), forgotten=False)
    yield from _closed()
    yield "home-forgotten", home.home_view(line, [(offered, None) for offered in ERRANDS], (), forgotten=True)


def _closed() -> Iterator[tuple[str, View[Any]]]:
    offers = [(offered, None if offered.entry.while_closed else home.unavailable_text("closed")) for offered in ERRANDS]
    here, there = Place(house="Hus A", nearest={"c": 250}), Place(house="Akuten, hus C", floor="plan 1")
    hours = BothLanguages(
        sv="Måndag till fredag 8–16. Telefon 08-123 00 00.", en="Monday to Friday 8 to 4. Telephone 08-123 00 00."
    )
    region = general().model_copy(
        update={"place": {"a": here, "c": there}, "office": "Hus B, plan 2, rum 214", "office_hours": hours}
    )
    now = datetime(2026, 11, 25, 10, 42, tzinfo=UTC)
    for why, hours_ago in (("stock", 0), ("repair", 0), ("moving", 30), ("reader", None), ("pilot", None)):
        since = None if hours_ago is None else now - timedelta(hours=hours_ago, minutes=11)
        contacts = contacts_of(region, "a")
        view = closed_home_view(why, offers, contacts, since=since, now=now, forgotten=why == "moving")  # type: ignore[arg-type]
        yield f"home-closed-{why}", view
    lacks: tuple[Lack, ...] = ("levels", "region", "contacts")
    yield (
        "home-closed-unready",
        closed_home_view("unready", offers, (), since=None, now=now, forgotten=False, lacks=lacks),
    )
    yield "home-closed-bare", closed_home_view("repair", offers, (), since=now, now=now, forgotten=False)


def _setup() -> Iterator[tuple[str, View[Any]]]:
    """The assistant of a station that is not set up yet."""
    printers = (UsbPrinter(0x04B8, 0x0E28, "EPSON TM-T20III"), UsbPrinter(0x0519, 0x0001, "Star TSP143IIIU"))
    readers = tuple(
        SelfTestResult(role, DeviceKind.READER, DeviceStatus.READY, True, False, "", {"role": role}) for role in WHICH
    )
    rest = (DeviceKind.PRINTER, DeviceKind.CABINET)
    well = (*readers, *(SelfTestResult(kind, kind, DeviceStatus.READY, True, False, "") for kind in rest))
    faulty = SelfTestResult("printer", DeviceKind.PRINTER, DeviceStatus.OUT_OF_PAPER, False, False, "")
    yield "setup-data-fault", setup.data_fault("D3")
    yield "setup-recovery-key", setup.recovery_key()
    yield "setup-opening", setup.opening()
    yield "setup-wrong-key", setup.wrong_key()
    yield "setup-data-loss", setup.data_loss()
    yield "setup-moving", setup.moving()
    yield "setup-language", setup.language()
    windows = Disk("nvme0n1", "nvme0n1: Samsung SSD 980 250 GB", ("EFI system partition", "Basic data partition"))
    yield "setup-disk", setup.disk((windows, Disk("sda", "sda: ADATA SU650 120 GB", ())))
    yield "setup-erase", setup.erase(windows)
    yield "setup-installing", setup.installing()
    yield "setup-installed", setup.installed()
    yield "setup-not-installed", setup.not_installed()
    yield "setup-network", setup.network(managed=True, proxied=False)
    yield "setup-network-proxied", setup.network(managed=True, proxied=True)
    yield "setup-network-absent", setup.network(managed=False, proxied=False)
    yield "setup-interface", setup.interface(("enp1s0", "enp2s0"))
    for field in setup.TYPED:
        yield f"setup-{field}", setup.typed(field, scans=field == "server")
    yield "setup-no-address", setup.no_address("gateway")
    yield "setup-code", setup.code(shows=True)
    yield "setup-shown", setup.shown_claim(Claim("https://fleet.example:8443", "entre-a", ClaimCode.parse("TEST" * 5)))
    yield "setup-no-claim", setup.no_claim()
    yield "setup-connecting", setup.connecting()
    yield "setup-joining", setup.joining()
    yield "setup-approve", setup.approve(KeyShown("entre-a", "FDCC B204 E088 2FE4 9420"), "sealed")
    yield "setup-which-printer", setup.printer(printers)
    yield "setup-cabinet", setup.cabinet()
    yield "setup-pairing", setup.pairing()
    for word in setup.PAIRING_WORDS:
        yield f"setup-not-paired-{word}", setup.not_paired(word)
    yield "setup-testing", setup.testing((*readers, faulty))
    yield "setup-tested", setup.tested(well)
    yield "setup-tested-faults", setup.tested((*readers, faulty))
    yield "setup-tested-none", setup.tested(())
    yield "setup-printed-page", setup.printed_page()
    yield "setup-slots", setup.slots(24)
    yield "setup-comparing-time", setup.comparing_time()
    for step, words in setup.FAULTS.items():
        for word, code in {word: code for code, word in words.items()}.items():
            yield f"setup-fault-{word.replace('_', '-')}", setup.fault(step, code)
    yield "setup-fault-other", setup.fault(SetupStep.CLAIM, "other")
    yield "setup-ready", setup.ready("entre-a")


def _log_in(card: CardFacts, context: ViewContext) -> Iterator[tuple[str, View[Any]]]:
    code = administrator_views.code(context, card, watched=False)
    yield "insert-administrator", administrator_views.insert(context, None, "administrator")
    yield "insert-administrator-in-turn", administrator_views.insert(context, None, "holder")
    yield "insert-second-administrator", administrator_views.insert(context, "mute", "administrator", second=True)
    yield "not-an-administrator", administrator_views.not_an_administrator(context)
    yield "administrator-not-level-3", administrator_views.not_level_3(context)
    yield "administrator-not-kra", administrator_views.not_kra(context)
    yield "administrator-not-kur", administrator_views.not_kur(context)
    yield "administrator-kur-needed", context.stop("kur_needed").view
    yield "not-the-same", administrator_views.not_the_same(context)
    yield "log-in-again", administrator_views.log_in_again(context)
    yield "log-in-expired", administrator_views.log_in_expired(context).view
    yield "administrator-pin", code.entry
    yield "administrator-locked", code.locked.view
    yield "logging-in", administrator_views.logging_in(context)
    yield "nobody-knows", context.stop("login_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline").view
    yield "take-administrator", administrator_views.take(context, "administrator")
    yield "sign-again", administrator_views.sign_again(context, ADMINISTRATOR, None, "administrator")
    yield "sign-again-in-turn", administrator_views.sign_again(context, ADMINISTRATOR, None, "holder")
    yield "other-signer", administrator_views.other_signer(context)


def _closing() -> Iterator[tuple[str, View[Any]]]:
    read_only_view = ViewContext("unblock").at(3, 3).stop("read_only").view
    yield "pulled-safe", aborted_views.pulled("before", None, read_only_view)
    yield "pulled-new", aborted_views.pulled("new", None, read_only_view)
    yield "pulled-unknown", aborted_views.pulled("unknown", None, read_only_view)
    yield "trouble-store-new", aborted_views.trouble("store", "new")
    yield "trouble-crash-unknown", aborted_views.trouble("crash", "unknown")
    yield "trouble-crash-done", aborted_views.trouble("crash", "new", done=True)
    for trouble in ("reader", "card", "store", "crash"):
        yield f"trouble-{trouble}", aborted_views.trouble(trouble)
    yield "another-card", aborted_views.another_card("new")
    hours = BothLanguages(
        sv="Måndag till fredag 8–16. Telefon 08-123 00 00.", en="Monday to Friday 8 to 4. Telephone 08-123 00 00."
    )
    office = RegionSettings(office="Kortkontoret, plan 3", office_hours=hours)
    stopped = ViewContext("check_card").stop("read_only").view
    yield "stop-with-office", telling_who_helps(stopped, office, "", NIGHT)
    yield "stop-printable", printable(stopped)
    yield "stop-not-printed", not_printed(stopped)
    yield "stop-printing", printing(stopped)
    yield "stop-nobody-known", telling_who_helps(stopped, RegionSettings(), "", NIGHT)
    yield "stop-office-open", telling_who_helps(stopped, WITH_PLACES, "entre-a", NIGHT + timedelta(hours=8))
    yield "pulled-for-good", aborted_views.pulled_for_good("before")
    yield "open-door", aborted_views.open_door(14, 24)
    yield "logged-out", aborted_views.logged_out()
    yield "take-card", aborted_views.take_card("holder")
    yield "take-administrators-card", aborted_views.take_card("administrator")

"""Views of the setup assistant: what an installer is asked and told at a new station's screen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode, urlsplit

from drivers.printer.usb_printers import UsbPrinter
from kiosk.administration_ports import DeviceOverview
from kiosk.first_boot.assistant import Step as SetupStep
from kiosk.first_boot.disks import Disk
from kiosk.station.self_test import SelfTestResult
from kiosk.station.state import DataFault
from kiosk.steps.administration_views import state_of
from kiosk.steps.context import ViewContext
from kiosk.steps.reader_role_views import WHICH
from kiosk.steps.view_helpers import back_button, primary_button
from kiosk.texts import LANGUAGES
from kiosk.views import (
    AboutDrawing,
    Await,
    Busy,
    Button,
    Choose,
    Confirm,
    Drawing,
    EnterText,
    Fact,
    MachineDrawing,
    Option,
    Point,
    ReceiptPanel,
    Say,
    Step,
    Task,
    Tell,
    say,
)
from provisioning.est.claim_codes import SIGNS, Claim
from provisioning.est.client import KeyShown
from provisioning.keys.storage import Kind

STEPS = 6
ERRAND = say("setup.errand")
LANGUAGE, NETWORK, CLAIM, APPROVAL, DEVICES, TIME = range(1, STEPS + 1)
KEYPAD = "keypad"
LONGEST_HOST, LONGEST_NAME, LONGEST_ADDRESS = 200, 60, 50
FAULTS: dict[SetupStep, dict[str, str]] = {
    SetupStep.SETTINGS: {"disk": "disk", "setup_file": "setup_file"},
    SetupStep.NETWORK: {"no_interface": "no_interface", "refused": "no_network"},
    SetupStep.CLAIM: {
        "unreachable": "unreachable", "bad_address": "bad_address", "other_authority": "other_fleet",
        "not_trusted": "not_trusted", "bad_answer": "bad_answer", "timed_out": "not_approved", "no_claim": "wrong_code",
        "wrong_code": "wrong_code", "used": "spent_code", "expired": "spent_code", "tried_too_often": "spent_code",
        "other_key": "spent_code", "refused": "turned_away", "retired": "turned_away",
    },
    SetupStep.TIME: {"no_link": "no_link", "clock": "clock"},
}  # fmt: skip
"""Which words a fault of a step has, by its code; `other` where it has none of its own."""
FAULT_WORDS = (*sorted({word for words in FAULTS.values() for word in words.values()}), "other")
ICONS = {
    "disk": "harddisk", "setup_file": "keyboard-outline",
    "no_interface": "lan-connect", "no_network": "lan-connect", "unreachable": "cloud-off-outline",
    "bad_address": "keyboard-outline", "other_fleet": "swap-horizontal", "not_trusted": "shield-alert-outline",
    "bad_answer": "swap-horizontal", "not_approved": "fingerprint", "wrong_code": "qrcode", "spent_code": "qrcode",
    "turned_away": "close-circle-outline", "no_link": "link-variant-off", "clock": "clock-outline",
}  # fmt: skip
"""What a fault is about, by its words."""
KEPT: tuple[Kind, ...] = ("tpm", "sealed", "file")
MOST_NAMED, MOST_DISKS = 2, 3
WITH_KEY: frozenset[DataFault] = frozenset({"D2", "D3", "D4"})
"""Why a volume was not opened where its recovery key may open it."""
LOSSES = ("unsent", "stock", "server")
PAIRING_WORDS = ("absent", "failed")
Typed = Literal["address", "gateway", "dns", "proxy", "server", "station", "printer"]
TYPED: tuple[Typed, ...] = ("address", "gateway", "dns", "proxy", "server", "station", "printer")
"""What is typed on the keyboard of names and addresses."""
ADDRESSES = ("address", "gateway", "dns")
"""Those that are digits."""


@dataclass(frozen=True, slots=True)
class SetupContext(ViewContext):
    """The setup, at a step."""

    @property
    def title(self) -> Say:
        return ERRAND


def at(step: int) -> SetupContext:
    """The setup at that step."""
    return SetupContext("setup", Step(step, STEPS))


def language() -> Choose:
    options = tuple(Option(code, say(f"setup.language.{code}"), icon="translate") for code in LANGUAGES)
    return _choose("language", LANGUAGE, options, AboutDrawing("translate", "station"))


def data_fault(fault: DataFault) -> Tell:
    """The volume of /data was not opened: in both languages, since the station does not know which one it has."""
    return Tell(
        name="setup.data_fault", errand=ERRAND, badge="warning", badge_icon="harddisk", title=say("setup.data_fault"),
        lead=tuple(say(f"setup.data_fault.{language}", code=fault) for language in LANGUAGES),
        way_out=Button("anew", say("setup.data_fault.anew"), "wrench-outline"),
        side=Button("key", say("setup.data_fault.key"), "lock-open-variant-outline") if fault in WITH_KEY else None,
    )  # fmt: skip


def recovery_key() -> EnterText:
    """The recovery key of the volume."""
    return replace(code(), name="setup.recovery_key", step=None, title=say("setup.recovery_key"),
                   lead=(say("setup.recovery_key.where"),))  # fmt: skip


def opening() -> Busy:
    return _busy("opening", CLAIM)


def wrong_key() -> Tell:
    return _fault("wrong_key", CLAIM, say("setup.wrong_key"), say("setup.wrong_key.do"), icon="lock-alert-outline")


def data_loss() -> Tell:
    """Tell what may be lost with the volume."""
    return Tell(
        name="setup.data_loss", errand=ERRAND, badge="warning", badge_icon="alert", title=say("setup.data_loss"),
        points=tuple(Point(say(f"setup.data_loss.{loss}")) for loss in LOSSES),
        primary=primary_button("next", "button.next"),
    )  # fmt: skip


def moving() -> Busy:
    return _busy("moving", CLAIM)


def disk(targets: Sequence[Disk]) -> Choose:
    """Ask whether the system goes from the stick to one of these disks. The choice is the disk's name, or `stay`."""
    options = [
        Option(target.name, say("setup.given", text=target.title), _holds(target), "harddisk")
        for target in targets[:MOST_DISKS]
    ]
    stay = Option("stay", say("setup.disk.stay"), say("setup.disk.stay.detail"), "check")
    return _choose("disk", LANGUAGE, (*options, stay), AboutDrawing("harddisk", "station"))


def erase(chosen: Disk) -> Confirm:
    view = _question("erase", say("setup.erase", name=chosen.name), _holds(chosen))
    return replace(view, step=Step(LANGUAGE, STEPS), warning=say("setup.erase.lost"))


def _holds(target: Disk) -> Say:
    return say("setup.disk.holds", names=", ".join(target.holds)) if target.holds else say("setup.disk.empty")


def installing() -> Busy:
    return _busy("installing", LANGUAGE)


def installed() -> Tell:
    view = _fault("installed", LANGUAGE, say("setup.installed"), say("setup.installed.do"), icon="check-bold")
    return replace(view, badge="success", primary=primary_button("restart", "setup.installed.restart"))


def not_installed() -> Tell:
    return _fault("not_installed", LANGUAGE, say("setup.not_installed"), say("setup.not_installed.do"), icon="harddisk")


def network(*, managed: bool, proxied: bool) -> Choose:
    """`managed`: whether the network can be set up from here; `proxied`: whether there is a proxy."""
    absent = None if managed else say("setup.network.absent")
    options = (
        Option("dhcp", say("setup.network.dhcp"), say("setup.network.dhcp.detail"), "lan-connect", absent),
        Option(
            "static", say("setup.network.static"), say("setup.network.static.detail"), "form-textbox-password", absent
        ),
        Option("wifi", say("setup.network.wifi"), icon="link-variant", reason=say("setup.network.wifi.untried")),
        Option("keep", say("setup.network.keep"), say("setup.network.keep.detail"), "check"),
    )
    side = Button("proxy", say("setup.network.other_proxy" if proxied else "setup.network.proxy"), "cog-outline")
    return _choose("network", NETWORK, options, AboutDrawing("lan-connect", "station"), side=side)


def interface(names: Sequence[str]) -> Choose:
    """Ask which of the wired networks to use."""
    options = tuple(Option(name, say("setup.given", text=name), icon="lan-connect") for name in names)
    return _choose("interface", NETWORK, options, AboutDrawing("lan-connect", "station"))


def typed(field_name: Typed, before: str = "", *, scans: bool = False) -> EnterText:
    """A name or an address. `before`: what was typed the last time."""
    step = {"server": CLAIM, "station": CLAIM, "printer": DEVICES}.get(field_name, NETWORK)
    return EnterText(
        name=f"setup.{field_name}",
        errand=ERRAND,
        step=Step(step, STEPS),
        title=say(f"setup.{field_name}"),
        lead=(say("setup.server.scan"),) if scans else (),
        hint=say(f"setup.{field_name}.hint"),
        keyboard="address" if field_name in ADDRESSES else "host",
        at_least=0 if field_name in ("gateway", "dns", "proxy") else 1,
        at_most={"server": LONGEST_HOST, "proxy": LONGEST_HOST, "printer": LONGEST_HOST, "station": LONGEST_NAME}.get(
            field_name, LONGEST_ADDRESS
        ),
        text=before,
        scans=scans,
        submit=say("button.next"),
        way_out=back_button(),
    )


def code(*, shows: bool = False) -> EnterText:
    """The claim code. `shows`: the station can make one itself."""
    return EnterText(
        name="setup.code",
        errand=ERRAND,
        step=Step(CLAIM, STEPS),
        title=say("setup.code"),
        lead=(say("setup.code.where"),),
        keyboard="code",
        at_least=SIGNS,
        at_most=SIGNS,
        submit=say("button.next"),
        way_out=back_button(),
        side=Button("show", say("setup.code.show"), "qrcode") if shows else None,
    )


def shown_claim(claim: Claim) -> Confirm:
    """A code that the station has made, for the page of new stations: to scan, or to read out on the telephone."""
    parts = urlencode({"station": claim.station, "code": str(claim.code)})
    address = f"https://{urlsplit(claim.server).hostname}/new-stations#{parts}"
    panel = ReceiptPanel(title=say("setup.given", text=str(claim.code)), facts=(), qr=address)
    return Confirm(
        name="setup.shown", errand=ERRAND, step=Step(CLAIM, STEPS), title=say("setup.shown"), receipt=panel,
        lead=(say("setup.shown.scan"), say("setup.shown.wait")), way_out=back_button(),
    )  # fmt: skip


def no_address(field_name: Typed) -> Tell:
    """Tell that the typed text is no valid answer, and how a valid one looks."""
    step = {"server": CLAIM, "printer": DEVICES}.get(field_name, NETWORK)
    return _fault("no_address", step, say("setup.no_address"), say(f"setup.{field_name}.hint"), icon="keyboard-outline")


def no_claim() -> Tell:
    """Tell that the scanned code is no claim."""
    return _fault("not_a_claim", CLAIM, say("setup.not_a_claim"), say("setup.not_a_claim.do"), icon="qrcode")


def fault(step: SetupStep, code: str) -> Tell:
    """A step failed: what happened and what to do."""
    word = FAULTS.get(step, {}).get(code, "other")
    by_network = step in (SetupStep.CLAIM, SetupStep.TIME)
    way_out = Button("network", say("setup.to_network"), "lan-connect") if by_network else None
    shown = {SetupStep.SETTINGS: LANGUAGE, SetupStep.NETWORK: NETWORK, SetupStep.CLAIM: CLAIM}.get(step, TIME)
    return _fault("fault", shown, say(f"setup.fault.{word}"), say(f"setup.fault.{word}.do"), way_out, ICONS.get(word))


def connecting() -> Busy:
    """The network comes up; an address may take a minute."""
    return _busy("connecting", NETWORK)


def joining() -> Busy:
    return _busy("joining", CLAIM)


def approve(shown: KeyShown, kept: Kind | None) -> Await:
    """A person compares the key on both screens. `kept`: how the station keeps its own."""
    place = (Fact(say("setup.approve.kept"), say(f"setup.kept.{kept}"), "lock-outline"),) if kept in KEPT else ()
    return Await(
        name="setup.approve",
        errand=ERRAND,
        step=Step(APPROVAL, STEPS),
        title=say("setup.approve"),
        lead=(say("setup.approve.compare"),),
        facts=(
            Fact(say("setup.approve.station"), shown.station, "monitor"),
            Fact(say("setup.approve.key"), shown.fingerprint, "fingerprint"),
            *place,
        ),
        drawing=AboutDrawing("fingerprint", "station"),
        waits_for=say("setup.approve.waits"),
        way_out=Button("again", say("setup.approve.other_code"), "arrow-left"),
    )


def printer(printers: Sequence[UsbPrinter]) -> Choose:
    """Ask which printer there is. A choice is the printer's place in `printers`, `network` or `none`."""
    options = tuple(
        Option(f"usb:{at}", say("setup.given", text=usb_printer.name), say("setup.printer.usb"), "printer-outline")
        for at, usb_printer in enumerate(printers[:3])
    )
    network = Option("network", say("setup.printer.network"), icon="lan-connect")
    none = Option("none", say("setup.printer.none"), say("setup.printer.none.detail"), "printer-off-outline")
    return _choose("which_printer", DEVICES, (*options, network, none), MachineDrawing(("printer",)))


def cabinet() -> Choose:
    options = (
        Option("serial", say("setup.cabinet.yes"), say("setup.cabinet.yes.detail"), "archive-outline"),
        Option("none", say("setup.cabinet.no"), icon="close"),
    )
    return _choose("cabinet", DEVICES, options, MachineDrawing(("slots",)))


def pairing() -> Busy:
    return _busy("pairing", DEVICES)


def not_paired(word: str) -> Tell:
    """The cabinet's board is not there, or could not be paired."""
    way_out = Button("without", say("setup.without_cabinet"), "close")
    return _fault("not_paired", DEVICES, say(f"setup.not_paired.{word}"), say(f"setup.not_paired.{word}.do"), way_out)


def testing(tried: Sequence[SelfTestResult]) -> Busy:
    """`tried`: those of which it is known how they are; the last ones are named."""
    done = tuple(Task(_how(result), "done" if result.ok else "failed") for result in tried[-MOST_NAMED:])
    view = _busy("testing", DEVICES)
    return replace(view, tasks=(*done, *view.tasks))


def tested(results: Sequence[SelfTestResult]) -> Tell:
    """Every device, and how it is."""
    well = all(result.ok for result in results)
    points = tuple(Point(_how(result), bullet="good" if result.ok else "bad") for result in results)
    title = "setup.tested.none" if not results else "setup.tested.well" if well else "setup.tested.faults"
    return Tell(
        name="setup.tested",
        errand=ERRAND,
        step=Step(DEVICES, STEPS),
        badge="success" if well else "warning",
        badge_icon="check-bold" if well else "wrench-outline",
        title=say(title),
        points=points,
        way_out=None if well else Button("next", say("setup.tested.anyway"), "arrow-right"),
        side=Button("again", say("button.again"), "arrow-left") if well else None,
        primary=primary_button("next", "button.next") if well else primary_button("again", "button.again"),
    )


def _how(result: SelfTestResult) -> Say:
    role = result.details.get("role")
    kind = role if role == KEYPAD else result.kind  # which the vocabulary counts with the scanners
    part = say(f"setup.reader.{role}") if role in WHICH else say(f"admin.part.{kind}")
    return say("setup.tested.part", part=part, state=state_of(DeviceOverview(result.kind, result.state, result.ok)))


def printed_page() -> Confirm:
    return _question("printed_page", say("setup.printed_page"), say("setup.printed_page.look"))


def slots(count: int) -> Confirm:
    return _question("slots", say("setup.slots", count=count), say("setup.slots.look"))


def comparing_time() -> Busy:
    return _busy("comparing_time", TIME)


def ready(station: str) -> Tell:
    return Tell(
        name="setup.ready",
        errand=ERRAND,
        badge="success",
        badge_icon="check-bold",
        title=say("setup.ready"),
        lead=(say("setup.ready.station", station=station),),
        primary=primary_button("start", "setup.ready.start"),
    )


def _choose(
    name: str, step: int, options: tuple[Option, ...], drawing: Drawing, *, side: Button | None = None
) -> Choose:
    return Choose(
        name=f"setup.{name}", errand=ERRAND, step=Step(step, STEPS), title=say(f"setup.{name}"), options=options,
        drawing=drawing, side=side,
    )  # fmt: skip


def _busy(name: str, step: int) -> Busy:
    return Busy(
        name=f"setup.{name}", errand=ERRAND, step=Step(step, STEPS), title=say(f"setup.{name}"),
        tasks=(Task(say(f"setup.{name}.now"), "now"),),
    )  # fmt: skip


def _question(name: str, title: Say, look: Say) -> Confirm:
    return Confirm(
        name=f"setup.{name}",
        errand=ERRAND,
        step=Step(DEVICES, STEPS),
        title=title,
        lead=(look,),
        way_out=Button("no", say("setup.no"), "close"),
        primary=primary_button("yes", "setup.yes", "check"),
    )


def _fault(name: str, step: int, title: Say, do: Say, way_out: Button | None = None, icon: str | None = None) -> Tell:
    return Tell(
        name=f"setup.{name}",
        errand=ERRAND,
        step=Step(step, STEPS),
        badge="warning",
        badge_icon=icon or "alert",
        title=title,
        lead=(do,),
        way_out=way_out,
        primary=primary_button("again", "button.again"),
    )

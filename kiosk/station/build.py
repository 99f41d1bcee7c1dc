"""The composition root of a station: here devices, records, link, screen and errands meet, and nowhere else.

What cannot be made is reported as a problem; the rest of the station is made all the same.

    async with open_station(config, base, screen, Host(), virtual) as station:
        await station.serve()

>>> changed = Signal()
>>> told = []
>>> changed.subscribe(lambda: told.append("drawn anew"))
>>> changed()
>>> told
['drawn anew']
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.port import CabinetReady, CabinetState
from drivers.reader.card_reader import ReaderSettings
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.model import CardFacts
from drivers.reader.secret import Secret
from fleet.agent.bundle_fetch import fetch_bundle
from fleet.agent.commands import CommandGate
from fleet.agent.link import Timing
from fleet.agent.proxy import Proxy
from fleet.messages.commands import UpdateOrder
from fleet.messages.vocabulary import CommandName, EventType
from kiosk.administration_ports import Machine
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config, ConfigError, validated
from kiosk.issuer.no_fleet import NoFleet
from kiosk.issuer.ports import Switches
from kiosk.ports import Orders, Screen
from kiosk.region import PilotRules, RegionSettings, RegionSettingsError, at_station, general, region_of
from kiosk.station import cabinet_pairing, cabinet_states
from kiosk.station.activity import Occupancy, StationActivity
from kiosk.station.administration import StationAdministration, StationBoard
from kiosk.station.availability import Availability
from kiosk.station.build_devices import make_devices, virtual_printer
from kiosk.station.build_fleet import (
    UNREADABLE_ADVICE,
    FleetConnection,
    JoinError,
    Records,
    connect,
    envelopes_for,
    load_identity,
    open_file,
    open_records,
    record_dropped_lists,
    record_unreadable_asks,
    region_listeners,
    seal_of,
)
from kiosk.station.closed_views import contacts_of
from kiosk.station.devices import Devices, NoReader
from kiosk.station.errand_runner import AfterErrand, ErrandRunner
from kiosk.station.file_check import check_at_start
from kiosk.station.fleet_orders import CardEnvelopes, FleetOrders, NoOrders
from kiosk.station.forgotten_card import ForgottenCardWatch
from kiosk.station.gpio_service import Dim, GpioListeners, GpioService, ServiceDoor
from kiosk.station.home_controller import CardKnowledge, HomeContent, HomeController
from kiosk.station.host import Host
from kiosk.station.housekeeping import run_housekeeping, run_settling
from kiosk.station.image_slots import ServiceInstaller, image_slots
from kiosk.station.journal import Journal
from kiosk.station.log_bundle import MOST_EVENTS, read_last_life, read_warnings
from kiosk.station.network_test import check_network
from kiosk.station.open_slots import OpenSlots
from kiosk.station.out_of_service import OutOfService
from kiosk.station.pilot import ADVICE, REOPEN_ADVICE, NumberFilter, Pilot, PilotStop, pilot_of
from kiosk.station.problems import Problems
from kiosk.station.reader_roles import UNTOLD
from kiosk.station.reader_settings import reader_settings_or_problems
from kiosk.station.reset import RunningStationReset
from kiosk.station.restart import Restart
from kiosk.station.settings_trial import FleetSettings, SettingsPorts
from kiosk.station.state import EventRecorder, StateReport
from kiosk.station.station import Station
from kiosk.station.station_commands import CommandHandlers, Handler, StationCommands
from kiosk.station.status import StationStatus
from kiosk.station.supervisor import Limits, Supervisor, withdraw
from kiosk.station.updates import UpdateHours, UpdatePorts, Updates
from kiosk.station.virtual_devices import CabinetPowerError, VirtualDevices
from kiosk.steps.capabilities import Capabilities
from kiosk.stock.repository import StationStock
from kiosk.texts import Texts


class Signal:
    """Calls its subscribers, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Have `subscriber` called from here on."""
        self._subscribers.append(subscriber)

    def __call__(self) -> None:
        for subscriber in self._subscribers:
            subscriber()


@contextlib.asynccontextmanager
async def open_station(
    config: Config,
    base: Path,
    screen: Screen,
    host: Host | None = None,
    virtual: VirtualDevices | None = None,
    *,
    timing: Timing | None = None,
    clock: SystemClock | None = None,
) -> AsyncIterator[Station]:
    """A station with everything that can be made, at work until the block ends; never raises for what is missing.

    Args:
        base: the folder that paths of the configuration are relative to.
        virtual: the virtual devices, where the configuration names any.
        timing: of the link.
    """
    async with contextlib.AsyncExitStack() as closing:
        host = host or Host()
        context = _Context(config, base, clock or SystemClock(), host, virtual, closing, Problems(host.on_problem))
        context.changed.subscribe(context.state_changed)
        yield await _build(context, screen, timing)


@dataclass(frozen=True, slots=True)
class _Context:
    """Context from which every part may be made, and the stack of what has to be let go in the end."""

    config: Config
    base: Path
    clock: SystemClock
    host: Host
    virtual: VirtualDevices | None
    closing: contextlib.AsyncExitStack
    problems: Problems
    changed: Signal = field(default_factory=Signal)
    """Something about the station has changed: the home screen is drawn anew, and the fleet is told."""
    state_changed: Signal = field(default_factory=Signal)
    """The state that the fleet sees has changed: it is told."""

    @property
    def data(self) -> Path:
        return self.base / self.config.station.data


@dataclass(frozen=True, slots=True)
class _Backing:
    """Records and fleet behind the errands. There is no fleet without records."""

    records: Records | None
    fleet: FleetConnection | None
    recent: timedelta = timedelta()
    """So old the lists may be that stand in for the register at level 3."""

    @property
    def journal(self) -> Journal | None:
        return self.records.journal if self.records is not None else None

    def orders(self, clock: SystemClock) -> FleetOrders | NoOrders:
        if self.records is None or self.fleet is None:
            return NoOrders()
        return FleetOrders(self.fleet.book, self.fleet.link, self.records.journal, clock, self.recent)

    def stock(self, orders: Orders) -> StationStock | None:
        if self.records is None or self.fleet is None:
            return None
        return StationStock(self.records.journal, orders.here)

    def switches(self) -> Switches:
        """Return the region's switches, which tell what it has switched off."""
        return self.fleet.issuer.region if self.fleet is not None else NoFleet()


async def _build(context: _Context, screen: Screen, timing: Timing | None) -> Station:
    config, clock, problems = context.config, context.clock, context.problems
    bootid, region = str(uuid.uuid4()), _region(context)
    pilot = _pilot(context, region)
    region = region.model_copy(update={"pilot": pilot.rules})
    for refused in texts_of(config, context.base).refused:
        problems.report("languages", refused)
    settings, trust = reader_settings_or_problems(config, context.base, clock, context.virtual, problems.report)
    settings = replace(settings, profiles=settings.profiles.with_new_pin_length(region.pin.min_length))
    devices = await _open_devices(context, settings)
    inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
    backing = await _open_backing(context, pilot, bootid, timing, inbox.put_nowait)
    recorder = EventRecorder(backing.journal, problems.report)
    status = _status(context, devices, backing, recorder, region, pilot)
    supervisor = Supervisor(
        screen, devices.reader, clock, Limits(**config.timeouts.model_dump()),
        on_view=status.activity.show, door_opens=status.door.opens,
    )  # fmt: skip
    gpio = _gpio_service(context, devices, status, supervisor, recorder)
    occupancy = Occupancy(status.activity, clock, lambda: supervisor.touched, status.door.is_open, lambda: gpio.present)
    restart, orders = Restart(context.host.end_program), backing.orders(clock)
    capabilities = _capabilities(context, devices, backing, orders, region, trust)
    open_slots = OpenSlots(devices, problems)
    home = _home_controller(context, devices, backing, status, supervisor, capabilities(), open_slots)
    runner = ErrandRunner(
        supervisor, status.activity, status.availability, backing.journal, capabilities,
        _administration(context, devices, backing, status, orders, restart), problems.report,
        AfterErrand(
            home.errand_ended, context.host.person_left, restart.when_idle, context.state_changed, open_slots.see_to
        ),
    )  # fmt: skip
    updates = _updates(context, devices, backing, recorder, occupancy)
    fleet_settings = _fleet_settings(context, devices, backing, recorder, occupancy, restart)
    report = StateReport(
        config.station.title, bootid, clock, status, devices,
        lambda: backing.fleet.issuer.region.digest if backing.fleet else None,
        backing.fleet.identity if backing.fleet else None,
        updates.state if updates is not None else lambda: None,
        fleet_settings.state if fleet_settings is not None else lambda: None,
    )  # fmt: skip
    work = [gpio.run(), status.forgotten.run()]
    if backing.records is not None:
        work.append(
            run_housekeeping(
                backing.records.journal, clock, lambda: backing.fleet.book.issued if backing.fleet else None
            )
        )
        work.append(_settling(context, backing.records.journal))
        work.append(_check_file(context, backing.records))
    if backing.records is not None and backing.fleet is not None and updates is not None:
        work.append(updates.run())
        work += [fleet_settings.run()] if fleet_settings is not None else []
        handlers = _command_handlers(context, devices, backing.records, backing.fleet, status.notice, restart, updates)
        gate = _command_gate(context, backing.records, backing.fleet)
        work.append(StationCommands(inbox, gate, backing.fleet.link, handlers, occupancy, problems.report).run())
    await _start(context, devices, backing.fleet, report, work)
    return Station(
        clock, region, devices, backing.records, backing.fleet, status, occupancy, report, home, runner, problems
    )


async def _start(
    context: _Context,
    devices: Devices,
    fleet: FleetConnection | None,
    report: StateReport,
    work: Sequence[Coroutine[Any, Any, None]],
) -> None:
    """Look at the devices once, and begin all that goes on beside the errands."""
    if fleet is not None:
        link = fleet.link
        context.closing.push_async_callback(link.stop)
        context.state_changed.subscribe(lambda: link.publish_state(report.state()))
        link.on_change(lambda online: context.changed())
        if context.virtual is not None:
            link.set_allowed(context.virtual.network)
            context.virtual.on_network = link.set_allowed
    devices.start()
    await devices.look()
    tasks = [asyncio.create_task(coroutine) for coroutine in (devices.watch(), *work)]
    tasks += fleet.start() if fleet is not None else []
    context.closing.push_async_callback(withdraw, *tasks)


def _settling(context: _Context, journal: Journal) -> Coroutine[Any, Any, None]:
    """Write what could not be written, and offer errands again, as soon as the file takes writes. A station that could not be
    built for its file does not: it is started anew."""
    problems = context.problems
    was_built = "store" not in problems.codes

    def takes_again() -> None:
        if was_built:
            problems.clear("store")
        context.changed()

    return run_settling(journal, context.clock, lambda: was_built and "store" in problems.codes, takes_again)


async def _check_file(context: _Context, records: Records) -> None:
    file = records.file
    await check_at_start(file.store.path, file.chain.station, records.journal, context.problems.report)
    context.changed()


def _region(context: _Context) -> RegionSettings:
    region, file = general(), context.config.station.region
    try:
        region = region_of(file, context.base)
        if file and region.missing_contacts:
            keys = ", ".join(f"contacts.{name}" for name in region.missing_contacts)
            context.problems.report("contacts", f"{file}: {keys}: not given, so what names it is not shown")
    except RegionSettingsError as error:
        context.problems.report("region", str(error))
    return at_station(region, **context.config.contact.model_dump())


def _pilot(context: _Context, region: RegionSettings) -> Pilot:
    """Return the pilot's rules, which watch every log from here on."""
    problems, loop = context.problems, asyncio.get_running_loop()

    def tell(why: PilotStop) -> None:
        advice = "" if why == "region" else f"; {REOPEN_ADVICE}"
        problems.report("pilot_stopped", f"the station has closed itself: {ADVICE[why]}{advice}")
        context.changed()

    def on_stop(why: PilotStop) -> None:
        loop.call_soon_threadsafe(tell, why)

    rules = None if "region" in problems.codes else region.pilot
    try:
        pilot = pilot_of(rules, context.data, on_stop)
    except OSError as error:
        problems.report("store", f"{context.data}: the pilot's rules cannot be kept: {error.strerror}")
        pilot = Pilot(region.pilot, context.data, on_stop)
    if pilot.stopped is not None:
        tell(pilot.stopped)
    if pilot.rules != PilotRules():
        numbers = NumberFilter(pilot)
        for handler in logging.getLogger().handlers:
            handler.addFilter(numbers)
            context.closing.callback(handler.removeFilter, numbers)
    return pilot


def texts_of(config: Config, base: Path) -> Texts:
    """All texts, those of `station.languages` too."""
    return Texts.load(base / config.station.languages if config.station.languages else None)


async def _open_devices(context: _Context, settings: ReaderSettings) -> Devices:
    """The devices of the configuration, the virtual ones with power."""
    config, virtual = context.config, context.virtual
    if virtual is not None:
        context.closing.push_async_callback(virtual.power_off)
        context.closing.push_async_callback(virtual.stop_printer)
    devices = make_devices(
        config, context.base, settings, virtual, on_change=context.changed, on_cabinet=_cabinet_problem(context),
        on_readers_told=lambda: context.problems.clear("readers"),
    )  # fmt: skip
    if devices.reader_roles is not None and await asyncio.to_thread(devices.reader_roles.is_untold):
        context.problems.report("readers", UNTOLD)
    context.closing.push_async_callback(devices.close)
    if virtual is not None:
        if config.printer.kind == VIRTUAL:
            host, port = await virtual.start_printer(config.printer.model)
            devices.printer = virtual_printer(host, port, config.printer.model)
        try:
            await virtual.power_on()
        except CabinetPowerError as error:
            context.problems.report("cabinet", str(error))
    return devices


def _cabinet_problem(context: _Context) -> Callable[[CabinetState], None]:
    def on_cabinet(state: CabinetState) -> None:
        if isinstance(state, CabinetReady):
            context.problems.clear("cabinet")
        else:
            key = context.base / context.config.cabinet.key
            context.problems.report("cabinet", cabinet_states.cabinet_advice(state, str(key)))

    return on_cabinet


async def _open_backing(
    context: _Context, pilot: Pilot, bootid: str, timing: Timing | None, on_command: Callable[[bytes], None]
) -> _Backing:
    """The records and the fleet, as far as they can be had."""
    config, base, clock, report = context.config, context.base, context.clock, context.problems.report
    identity = fleet = None
    try:
        identity = load_identity(config, base)
    except JoinError as error:
        report(error.code, str(error))
    try:
        file = await open_file(config, base, bootid, identity)
    except JoinError as error:
        report(error.code, str(error))
        return _Backing(None, None)
    context.closing.callback(file.close)
    try:
        if identity is not None:
            listeners = region_listeners(config, base, clock, context.changed)
            fleet = connect(
                identity, file, clock, timing, on_command=on_command, on_trouble=report, region=listeners,
                proxy=Proxy.at(config.network.proxy_server),
            )  # fmt: skip
    except JoinError as error:
        report(error.code, str(error))
    try:
        records = await open_records(file, identity, fleet, clock, pilot)
    except JoinError as error:
        report(error.code, str(error))
        return _Backing(None, None)
    try:
        if fleet is not None:
            clock.raise_floor(fleet.book.issued)
            await record_dropped_lists(records, fleet)
            if unreadable := await record_unreadable_asks(records, fleet):
                report("asks_unreadable", f"{unreadable} {UNREADABLE_ADVICE}")
    except JoinError as error:
        report(error.code, str(error))
        fleet = None
    return _Backing(records, fleet, timedelta(hours=config.trust.lists_h))


def _status(
    context: _Context,
    devices: Devices,
    backing: _Backing,
    recorder: EventRecorder,
    region: RegionSettings,
    pilot: Pilot,
) -> StationStatus:
    activity, door, notice = StationActivity(context.state_changed), ServiceDoor(), OutOfService(context.data)
    availability = Availability(
        context.problems,
        door.is_open,
        lambda: status.closed,
        backing.fleet is not None,
        backing.switches(),
        devices.missing,
        region,
    )

    def sound() -> None:
        if devices.cabinet is not None:
            devices.cabinet.sound()

    forgotten = ForgottenCardWatch(
        devices.reader, context.clock, recorder.record, sound,
        hushed=lambda: activity.errand is not None, on_change=context.changed,
    )  # fmt: skip
    status = StationStatus(activity, availability, door, notice, forgotten, pilot)
    return status


def _gpio_service(
    context: _Context, devices: Devices, status: StationStatus, supervisor: Supervisor, recorder: EventRecorder
) -> GpioService:
    async def on_door(is_open: bool) -> None:
        context.changed()
        await recorder.record(EventType.DOOR_OPENED if is_open else EventType.DOOR_SHUT, {})

    section = context.config.pins
    return GpioService(
        devices.pins, context.clock, Dim(section.dim, section.dim_after_s),
        lambda: status.condition(supervisor.touched), status.door,
        GpioListeners(on_door, context.host.on_closed, context.host.on_headphones),
    )  # fmt: skip


def _capabilities(
    context: _Context,
    devices: Devices,
    backing: _Backing,
    orders: Orders,
    region: RegionSettings,
    trust: TrustStore | None,
) -> Callable[[], Capabilities]:
    """Return the function that makes a journey's capabilities: anew for each, since a device may have come or gone."""
    config, fleet, stock = context.config, backing.fleet, backing.stock(orders)
    language = context.host.language or (lambda: config.station.language)
    attesting = None if region.pilot.stores_no_person else fleet
    texts = texts_of(config, context.base)

    def capabilities() -> Capabilities:
        return Capabilities(
            reader=devices.reader or NoReader(),
            administrator_reader=devices.administrator_reader,
            orders=orders,
            envelopes=envelopes_for(config, fleet) if fleet else CardEnvelopes(),
            seal=seal_of(attesting.identity, config.station.title, config.receipts.public_url) if attesting else None,
            clock=context.clock,
            print_text=lambda text: texts.plain(text, language()),
            cabinet=devices.cabinet,
            printer=devices.printer,
            region=region,
            stock=stock,
            **(fleet.issuer.ports(orders, trust) if fleet else {}),
        )

    return capabilities


def _home_controller(
    context: _Context,
    devices: Devices,
    backing: _Backing,
    status: StationStatus,
    supervisor: Supervisor,
    given: Capabilities,
    open_slots: OpenSlots,
) -> HomeController:
    async def administers(facts: CardFacts) -> bool:
        """Return whether the card is, by one of its HSA-ids, that of an administrator on the list. It has proved nothing yet."""
        listed = [await given.orders.administrator(hsa_id) for hsa_id in facts.hsa_ids]
        return backing.records is not None and any(listed)

    changed, region = asyncio.Event(), given.region
    context.changed.subscribe(changed.set)
    interrupted = list(backing.records.interrupted) if backing.records else []
    content = HomeContent(
        region.block_line,
        status.availability.offers,
        interrupted,
        devices.printer_down,
        lambda: status.closed or ("reader" if devices.missing("reader") else None),
        lambda: status.notice.since,
        contacts_of(region, given.seal.station if given.seal else ""),
        open_slots.look,
        region.office,
        lambda: status.lacks,
    )
    knowledge = CardKnowledge(
        context.clock, given.directory, region.loa2_ends, region.has_errand("activate"), administers, given.orders
    )
    return HomeController(
        supervisor, content, knowledge, changed, devices.reader, devices.administrator_reader, status.forgotten.notice
    )


def _administration(
    context: _Context,
    devices: Devices,
    backing: _Backing,
    status: StationStatus,
    orders: Orders,
    restart: Restart,
) -> Callable[[ErrandRunner], Machine]:
    cabinet = context.config.cabinet
    readers = devices.reader_roles if devices.reader_roles is not None and devices.reader_roles.automatic else None

    async def pair() -> str:
        if cabinet.kind != "serial" or not isinstance(devices.cabinet, SerialCabinet):
            return "no_cabinet"
        return await cabinet_pairing.pair_cabinet(
            devices.cabinet, context.base / cabinet.key, cabinet.port, cabinet.board_ids
        )

    forgetting = RunningStationReset(backing.records, context.base) if backing.records else None
    board = StationBoard(
        devices, orders, backing.stock(orders), backing.journal, backing.fleet.link if backing.fleet else None,
        status.forgotten.count_lately, context.clock,
    )  # fmt: skip
    return lambda runner: StationAdministration(
        board,
        status.availability,
        status.notice,
        context.changed,
        readers,
        pair,
        restart,
        runner.run,
        *((forgetting.losses, forgetting.prepare, forgetting.begin) if forgetting else (None, None, None)),
    )


def _updates(
    context: _Context, devices: Devices, backing: _Backing, recorder: EventRecorder, occupancy: Occupancy
) -> Updates | None:
    """Updates of the image; of a station that belongs to a fleet."""
    if backing.fleet is None:
        return None
    identity, link = backing.fleet.identity, backing.fleet.link

    def fetch(order: UpdateOrder, into: Path, on_bytes: Callable[[int], None]) -> None:
        fetch_bundle(order, into, identity, on_bytes, Proxy.at(context.config.network.proxy_server))

    ports = UpdatePorts(
        ServiceInstaller(), fetch, devices.working, lambda: link.online, recorder.record,
        context.state_changed, lambda: tuple(key.text for key in identity.server_keys.taken),
    )  # fmt: skip
    hours = UpdateHours(*(time.fromisoformat(text) for text in context.config.updates.hours))
    return Updates(context.data, image_slots(), identity.ca_file, ports, occupancy, hours)


def _fleet_settings(
    context: _Context,
    devices: Devices,
    backing: _Backing,
    recorder: EventRecorder,
    occupancy: Occupancy,
    restart: Restart,
) -> FleetSettings | None:
    """The fleet's settings; of a station that belongs to one, and whose program reads a `station.toml`."""
    fleet, own = backing.fleet, context.host.own_document
    if fleet is None or own is None:
        return None

    def check(document: Mapping[str, Any]) -> list[str]:
        try:
            validated(context.base, document)
        except ConfigError as error:
            return error.faults
        return []

    ports = SettingsPorts(
        check, devices.working, lambda: fleet.link.online, lambda: context.problems.codes, recorder.record, restart.now,
        context.state_changed,
    )  # fmt: skip
    settings = FleetSettings(
        context.data, own, fleet.identity.station, fleet.identity.server_keys.find, ports, occupancy
    )
    fleet.issuer.region.follow_files(settings.take)
    return settings


def _command_gate(context: _Context, records: Records, fleet: FleetConnection) -> CommandGate:
    journal = records.journal
    return CommandGate(
        fleet.identity, records.file.store, context.config.commands.allowed, context.clock.now,
        lambda cx, kind, content: journal.event(cx, kind, None, content),
    )  # fmt: skip


def _command_handlers(
    context: _Context,
    devices: Devices,
    records: Records,
    fleet: FleetConnection,
    notice: OutOfService,
    restart: Restart,
    updates: Updates,
) -> dict[CommandName, Handler]:
    virtual = context.virtual

    def pin_of(number: str | None) -> Secret | None:
        return None if virtual is None else virtual.pin_of(number)

    def lines_before() -> list[str]:
        return [*read_warnings(context.data, context.clock.now()), *read_last_life()]

    def network_lines() -> tuple[str, ...]:
        broker = fleet.identity.broker
        return check_network(broker.host, broker.port, Proxy.at(context.config.network.proxy_server))

    return CommandHandlers(
        notice, devices, restart, fleet.refresh, lambda: records.latest_events(MOST_EVENTS),
        context.host.log_lines, lines_before, network_lines, pin_of, updates.order, updates.restart_machine, context.changed,
    ).by_name()  # fmt: skip

"""The station as its fleet sees it: what is retained on its topic `state`, and events that belong to no errand."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fleet.agent.store import StoreError
from fleet.messages.link import StationState
from fleet.messages.vocabulary import EventType
from kiosk.version import VERSION, image

if TYPE_CHECKING:
    from kiosk.station.station import Station


def state_of(station: "Station") -> StationState:
    """As it is now. An open service door goes before an administrator's notice."""
    left = station.left_in.since if station.left_in is not None else None
    door = station.caretaker is not None and station.caretaker.door_open
    identity = station.fleet.identity if station.fleet is not None else None
    return StationState(
        title=station.config.station.title,
        version=VERSION,
        bootid=station.bootid,
        time=_utc(station.clock.now()),
        errand=station.errand,
        step=station.view if station.errand else None,
        devices=station.devices.states,
        slots=station.devices.slots,
        out_of_service="door" if door else station.out_of_service.why,
        left_in=_utc(left) if left is not None else None,
        region=station.fleet.issuer.region.digest if station.fleet is not None else None,
        firmware=station.devices.firmware,
        image=image(),
        clock_off_s=station.clock.off_s,
        certificate_until=_utc(identity.not_after) if identity is not None else None,
        server_keys=identity.server_keys.sequence if identity is not None else None,
    )


async def tell(station: "Station", kind: EventType, content: dict[str, Any]) -> None:
    """Commit an event of the station itself; what cannot be written is a problem of the station."""
    if station.books is None:
        return
    journal = station.books.journal
    try:
        await journal.transact(lambda cx: journal.event(cx, kind, None, content))
    except StoreError as error:
        station.report("store", str(error))


def _utc(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")

"""Read model of a station: what it said last, and whether it is still there.

Rules: a station says its state every minute (`fleet.messages.link.STATE_EVERY_S`), so three minutes without a word are
silence and no rest, and a quarter of an hour is gone, whatever the broker says; a last will is believed at once. Times are
aware datetimes in UTC.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fleet.messages.link import StationState

SILENT_AFTER = timedelta(minutes=3)
OFFLINE_AFTER = timedelta(minutes=15)


class Contact(StrEnum):
    """State of a station's contact with the server."""

    ONLINE = "online"
    SILENT = "silent"
    """The broker holds its session, and it has said nothing for a while."""
    OFFLINE = "offline"


def contact_of(*, online: bool, heard: datetime | None, now: datetime) -> Contact:
    """The contact with a station. `online`: its presence at the broker; `heard`: when it last spoke itself.

    >>> at = datetime(2026, 6, 1, 12, 0)
    >>> contact_of(online=True, heard=at, now=at + timedelta(minutes=4)).value
    'silent'
    """
    if not online or heard is None or now - heard > OFFLINE_AFTER:
        return Contact.OFFLINE
    return Contact.SILENT if now - heard > SILENT_AFTER else Contact.ONLINE


def does_receive_visitors(contact: Contact, state: StationState | None, *, retired: bool) -> bool:
    """The one definition of a station that receives visitors: in the fleet (`stations.tables.IN_FLEET`), online, heard within
    three minutes, and in service."""
    return not retired and contact is Contact.ONLINE and state is not None and state.out_of_service is None


@dataclass(frozen=True, slots=True)
class Retirement:
    """Retirement of a station from the fleet: its history stays, and no list, count, figure or alert has it. `by`: as
    the audit names who did it."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station as the server knows it."""

    name: str
    title: str
    contact: Contact
    state: StationState | None
    heard: datetime | None
    errands_today: int
    held_through: int
    """Highest contiguous sequence of the current epoch that is stored."""
    missing: int
    """How many events are known to exist and are not held."""
    chain_ok: bool | None
    """False where a stored event does not follow the one before; None before the first event."""
    quarantined: int
    retired: Retirement | None = None

    @property
    def online(self) -> bool:
        """True while the station is there: connected, and heard within three minutes."""
        return self.contact is Contact.ONLINE

    @property
    def receives_visitors(self) -> bool:
        """See `does_receive_visitors`."""
        return does_receive_visitors(self.contact, self.state, retired=self.retired is not None)

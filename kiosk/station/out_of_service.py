"""Out-of-service notice: whether an administrator has closed the station to visitors, and why.

It lies in a file of its own, so that it outlives a restart. A file that says nothing known was damaged: the station stays closed,
as for a repair, until an administrator opens it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from kiosk.administration_ports import Closed

FILE = "out-of-service"
UNREADABLE: Closed = "repair"
ClosedTo = Closed | Literal["pilot", "unready"]
"""An administrator's notice, or the station's own: by its pilot's rules (`kiosk.station.pilot`), or since it believes no card
yet."""


class OutOfService:
    """One station's. `folder` is its data folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self.why: Closed | None = self._read()

    def set(self, why: Closed | None) -> None:
        """Close the station, or open it again. Raises OSError: then it is as it was."""
        if why is None:
            self._file.unlink(missing_ok=True)
        else:
            draft = self._file.with_name(FILE + ".new")
            draft.write_text(why, encoding="ascii")
            draft.replace(self._file)
        self.why = why

    @property
    def since(self) -> datetime | None:
        """Since when it is closed, by its file; None while it is open."""
        try:
            return datetime.fromtimestamp(self._file.stat().st_mtime, UTC)
        except OSError:
            return None

    def _read(self) -> Closed | None:
        try:
            text = self._file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            return UNREADABLE
        return next((choice for choice in get_args(Closed) if choice == text), UNREADABLE)

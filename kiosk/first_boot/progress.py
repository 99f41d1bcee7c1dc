"""Progress of a setup, on the station's disk: which steps are finished, and whether the station begins with the assistant.

Each start of the station asks, so this needs none of what the assistant itself does (`kiosk.first_boot.assistant`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import Config, ConfigError, load
from provisioning import files

PROGRESS = "setup.json"
"""In the station's data folder: digests of finished steps, and of the settings while the setup is under way."""
WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Progress:
    """Finished steps, and what each had been told."""

    path: Path

    @classmethod
    def of(cls, config: Path, settings: Config) -> "Progress":
        """Return the progress of the station with these settings, in the file `config`."""
        return cls(config.resolve().parent / settings.station.data / PROGRESS)

    def is_finished(self, name: str, inputs: str) -> bool:
        """Return whether the step was finished, and told the same."""
        return self.finished().get(name) == _digest(inputs)

    def note(self, name: str, inputs: str) -> None:
        """It is finished. Raises OSError."""
        self._write({**self.finished(), name: _digest(inputs)})

    def forget(self, name: str) -> None:
        """It is not. Raises OSError."""
        finished = self.finished()
        if finished.pop(name, None) is not None:
            self._write(finished)

    def finished(self) -> dict[str, object]:
        """Nothing where the file is not what was written: then all is done again, which does no harm."""
        try:
            content = files.read_json(self.path, {})
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, finished: Mapping[str, object]) -> None:
        self.path.parent.mkdir(files.DIRECTORY, parents=True, exist_ok=True)
        files.write_json(self.path, finished)


def is_setup_due(file: Path) -> bool:
    """Return whether the station begins with the assistant: it has neither settings nor identity, its settings ask for it and it
    has no identity, or a setup was begun."""
    if not file.exists():
        return is_vacant(file.resolve().parent / Config().station.identity)
    try:
        settings = load(file)
    except ConfigError:
        return False
    is_requested = settings.station.assistant and is_vacant(file.resolve().parent / settings.station.identity)
    return is_requested or WRITTEN in Progress.of(file, settings).finished()


def is_vacant(folder: Path) -> bool:
    """Return whether the folder has nothing of an identity, not even a damaged one."""
    return not (folder.is_dir() and any(folder.iterdir()))


def _digest(inputs: str) -> str:
    return hashlib.sha256(inputs.encode()).hexdigest()

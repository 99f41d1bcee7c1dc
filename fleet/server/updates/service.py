"""Bundle folder: `updates/` in the server's data, a file for each bundle by its digest, and beside it what it is.

Rules: only what the authority's signer has signed is taken, and the whole of it is verified first; a bundle is there once its
description is, which is written last. The port is that of the listener for stations.
"""

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from fleet.messages.commands import UpdateOrder
from fleet.server.updates.model import StoredBundle
from provisioning import files
from provisioning.updates.bundle import read_bundle

FOLDER = "updates"
SUFFIX = ".raucb"


@dataclass(frozen=True, slots=True)
class BundleFolder:
    """`port`: where stations fetch; None where the server does not serve them."""

    folder: Path
    port: int | None = None

    def all(self) -> list[StoredBundle]:
        """The newest first; what cannot be read is left out."""
        bundles = [bundle for path in self.folder.glob("*.json") if (bundle := _described(path)) is not None]
        return sorted(bundles, key=lambda bundle: bundle.added, reverse=True)

    def order(self, sha256: str, *, older: bool = False, now: bool = False) -> UpdateOrder | None:
        """Return that bundle as a command names it."""
        bundle = next((bundle for bundle in self.all() if bundle.sha256 == sha256), None)
        if bundle is None or self.port is None:
            return None
        return UpdateOrder(bundle.version, bundle.size, bundle.sha256, self.port, older, now)

    def path(self, sha256: str) -> Path | None:
        """The file of that bundle."""
        if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
            return None
        file = self.folder / f"{sha256}{SUFFIX}"
        return file if file.is_file() and file.with_suffix(".json").is_file() else None

    def add(self, file: Path, keyring: Path, now: datetime) -> StoredBundle:
        """Take a bundle; again is no fault. Raises BundleError, OSError."""
        bundle = read_bundle(file, keyring)
        files.make_directory(self.folder)
        stored = StoredBundle(bundle.compatible, bundle.version, bundle.sha256, bundle.size, now)
        place = self.folder / f"{bundle.sha256}{SUFFIX}"
        part = place.with_suffix(".part")
        shutil.copyfile(file, part)
        part.replace(place)
        files.write_file(place.with_suffix(".json"), msgspec.json.encode(stored))
        return stored

    def remove(self, sha256: str) -> bool:
        """Remove that bundle; return whether there was one. Raises OSError."""
        file = self.path(sha256)
        if file is None:
            return False
        file.with_suffix(".json").unlink()
        file.unlink()
        return True


def _described(path: Path) -> StoredBundle | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredBundle)
    except (OSError, msgspec.DecodeError):
        return None

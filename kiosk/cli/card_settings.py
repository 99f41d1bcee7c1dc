"""Settings of `kortkiosk card`, as its options name them: trust anchors, revocation data and card profiles.

    --anchors FILE|DIR  --online | --revocation DIR  --require-revocation  --profiles DIR --profile-keys FILE

Rules: only with `--online` is anything fetched; a profile that is refused is told and the others stay. What fetches and
what checks signatures is loaded only where it is asked for, so that the program starts sooner.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.certificates.revocation import NoRevocationCheck, Revocation
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.certificates.trust_store import TrustStore, load_certificates, split_anchors
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.profiles import ProfileError, Profiles, builtin
from drivers.reader.system import state_directory

if TYPE_CHECKING:
    from drivers.reader.profiles.signed import RejectedProfile

MAX_FILES = 256
"""So many lists are read of a folder."""


class InputError(Exception):
    """Something that was asked for cannot be; the text is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class CardTools:
    """`faults` grows while certificates are judged: what could not be fetched."""

    settings: ReaderSettings
    refused: "tuple[RejectedProfile, ...]" = ()
    faults: list[str] = field(default_factory=list)


def card_tools(arguments: argparse.Namespace) -> CardTools:
    """Everything, loaded. Raises InputError."""
    profiles, refused = _profiles(arguments)
    revocation, faults = _revocation(arguments)
    trust = _trust(arguments.anchors, revocation, hard=arguments.require_revocation)
    settings = ReaderSettings(
        profiles=profiles, trust=trust, ledger=FileLedger(state_directory() / "tries.json")
    )  # fmt: skip
    return CardTools(settings, refused, faults)


def _profiles(arguments: argparse.Namespace) -> "tuple[Profiles, tuple[RejectedProfile, ...]]":
    if arguments.profiles is None:
        return builtin(), ()
    if arguments.profile_keys is None:
        raise InputError("--profiles needs --profile-keys: only what a key signs counts")
    from drivers.reader.profiles.signed import ProfileKeys, add_signed

    try:
        keys = ProfileKeys.load(arguments.profile_keys)
    except ProfileError as reason:
        raise InputError(str(reason)) from None
    loaded = add_signed(builtin(), arguments.profiles, keys)
    return loaded.profiles, loaded.refused


def _revocation(arguments: argparse.Namespace) -> tuple[Revocation, list[str]]:
    """Return the source of revocation, and the list that faults of fetching are added to."""
    if arguments.online:
        from drivers.reader.certificates.revocation.fetching import FetchingRevocation
        from drivers.reader.certificates.revocation.http import fetch

        fetching = FetchingRevocation(RevocationStore(state_directory() / "revocation"), fetch)
        return fetching, fetching.faults
    if arguments.revocation is None:
        return NoRevocationCheck(), []
    store = RevocationStore()
    try:
        for path in sorted(arguments.revocation.iterdir())[:MAX_FILES]:
            if path.is_file():
                store.take(path.read_bytes())
    except OSError as reason:
        raise InputError(f"{arguments.revocation}: {reason.strerror}") from None
    return OfflineRevocation(store), []


def _trust(anchors: Path | None, revocation: Revocation, *, hard: bool) -> TrustStore:
    if anchors is None:
        return TrustStore()
    try:
        return TrustStore(*split_anchors(load_certificates(anchors)), revocation=revocation, hard=hard)
    except OSError as reason:
        raise InputError(f"{anchors}: {reason.strerror}") from None
    except ValueError as reason:
        raise InputError(str(reason)) from None

"""Reader settings of a station: trust anchors, revocation data, card profiles, and the ledger of tries.

All of it is on the station's own disk: nothing is fetched here. Profiles that are refused are told, and the ones that
ship stay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.reader.card_reader import ReaderSettings
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.certificates.trust_store import TrustStore, load_certificates, split_anchors
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.profiles import ProfileError, Profiles, builtin
from drivers.reader.profiles.signed import ProfileKeys, add_signed
from kiosk.clock import SystemClock
from kiosk.config import VIRTUAL, Config
from kiosk.station.virtual_devices import VirtualDevices


class NoAnchorsError(Exception):
    """No issuer of cards can be trusted; the text says why."""


@dataclass(frozen=True, slots=True)
class CardProfiles:
    """The profiles that count, and what is wrong with those that do not."""

    profiles: Profiles
    refused: tuple[str, ...] = ()


SET_ASIDE = "`kortkiosk store set-aside` keeps it beside, and the count begins anew"


def reader_settings(config: Config, base: Path, clock: SystemClock, virtual: VirtualDevices | None) -> ReaderSettings:
    """All of it. Raises NoAnchorsError where the anchors cannot be had."""
    return _settings(config, base, clock, _trust(config, base, virtual))


def tries_file(config: Config, base: Path) -> Path:
    """Return the file in which the station counts tries."""
    return base / config.station.data / "tries.json"


def _settings(config: Config, base: Path, clock: SystemClock, trust: TrustStore) -> ReaderSettings:
    return ReaderSettings(
        profiles=card_profiles(config, base).profiles,
        trust=trust,
        ledger=FileLedger(tries_file(config, base)),
        now=clock.now,
        operation_limit_s=config.readers.card_s,
        monotonic=clock.monotonic,
    )


def reader_settings_or_problems(
    config: Config, base: Path, clock: SystemClock, virtual: VirtualDevices | None, report: Callable[[str, str], None]
) -> tuple[ReaderSettings, TrustStore | None]:
    """The same, with whom to trust; what is wrong is told to `report`. Without anchors nobody is trusted, and all else (which
    products are known, the durable count of tries) is as ever.
    """
    tries = tries_file(config, base)
    if not FileLedger(tries).is_readable:
        report("tries", f"{tries} is damaged: codes that only the station counts are taken as used up; {SET_ASIDE}")
    refused = card_profiles(config, base).refused
    if refused:
        report("profiles", "\n".join(refused))
    try:
        settings = reader_settings(config, base, clock, virtual)
    except NoAnchorsError as error:
        report("anchors", str(error))
        return _settings(config, base, clock, TrustStore()), None
    if config.trust.anchors and not settings.profiles.know_levels:
        report("levels", "no table of levels (`trust.loa`): no real card proves a level, and pick-ups refuse it")
    return settings, settings.trust


def card_profiles(config: Config, base: Path) -> CardProfiles:
    """The profiles that ship, and the signed ones of `profiles.folder`."""
    shipped = builtin()
    if not config.profiles.folder:
        return CardProfiles(shipped.with_loa(config.trust.loa))
    try:
        keys = ProfileKeys.load(base / config.profiles.keys)
    except ProfileError as fault:
        return CardProfiles(shipped.with_loa(config.trust.loa), (str(fault),))
    loaded = add_signed(shipped, base / config.profiles.folder, keys)
    return CardProfiles(loaded.profiles.with_loa(config.trust.loa), tuple(map(str, loaded.refused)))


def _trust(config: Config, base: Path, virtual: VirtualDevices | None) -> TrustStore:
    revocation = OfflineRevocation(RevocationStore(base / config.revocation_folder))
    hard = config.trust.require_revocation
    if not config.trust.anchors:
        readers = (config.readers.holder, config.readers.administrator)
        if virtual is None or not {"", VIRTUAL, *virtual.pcsc_readers}.issuperset(readers):
            raise NoAnchorsError(
                "no trust.anchors in the configuration: no card can show who its holder is; the region's ID managers give the"
                " certificates of its cards' issuers"
            )
        hard = (
            hard and "require_revocation" in config.trust.model_fields_set
        )  # made-up cards: nobody lists them unasked
        return TrustStore(virtual.trust_anchors(), virtual.intermediates(), revocation=revocation, hard=hard)
    path = base / config.trust.anchors
    try:
        return TrustStore(*split_anchors(load_certificates(path)), revocation=revocation, hard=hard)
    except (OSError, ValueError) as error:
        raise NoAnchorsError(f"{path}: {error}") from None

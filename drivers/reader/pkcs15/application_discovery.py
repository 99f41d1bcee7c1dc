"""PKCS#15 application discovery: by AID, EF.DIR, or the place of EF(ODF).

Cheapest first: where cards of this answer to reset had it before, an AID that a profile names beside this very answer to reset,
the AID of PKCS#15 itself, an AID that any other profile names, the path or AID in EF.DIR (and EF(ODF) where its odfPath says),
the DF `5015`, and last an ODF directly under the MF. The first whose EF(ODF) can be read is the one, whatever the answer to reset
promised.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from drivers.reader.errors import CommandRefusedError, Guard
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.directory import EF_ODF, EF_TOKEN_INFO, ODF_SHORT_ID, PKCS15_AID
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.values import ApplicationEntry, Base, DirectoryKind
from drivers.reader.tlv import TlvError

EF_DIR = MF + b"\x2f\x00"
EF_CARD_ACCESS = MF + b"\x01\x1c"
SECURITY_INFOS = b"\x31"
DF_PKCS15 = MF + b"\x50\x15"


class NoApplicationError(Exception):
    """There is no PKCS#15 application; `tried` says where it was looked for."""

    def __init__(self, tried: tuple[str, ...]) -> None:
        super().__init__("no PKCS#15 application")
        self.tried = tried


def _never(_files: CardFiles) -> bool:
    return False


def find_application(
    files: CardFiles, aids: tuple[bytes, ...] = (PKCS15_AID,), cached: Callable[[CardFiles], bool] = _never
) -> bytes:
    """Set `files.base` to the application and give its AID (empty where it has none).

    `aids` are asked for in their order. `cached` is asked of each place: is the card one whose files it could take from memory?

    Raises NoApplicationError, and CardGoneError where the card left.
    """
    tried: list[str] = []
    for base, aid in _candidates(files, aids, tried):
        files.base = base
        tried.append(f"AID {base.aid.hex().upper()}" if base.aid else f"DF {base.path.hex().upper()}")
        if base.aid and not _entered(files):
            continue
        if cached(files) or _has_odf(files):
            files.habits.application = base, aid
            return aid
    raise NoApplicationError(tuple(tried))


def _entered(files: CardFiles) -> bool:
    try:
        files.enter()
    except CommandRefusedError:
        return False
    return True


def _applications(files: CardFiles, tried: list[str]) -> tuple[ApplicationEntry, ...]:
    tried.append("EF.DIR")
    files.base = Base()
    try:
        return objects.parse_dir(files.read(EF_DIR))
    except (CommandRefusedError, TlvError):
        return ()


def _candidates(files: CardFiles, aids: tuple[bytes, ...], tried: list[str]) -> Iterator[tuple[Base, bytes]]:
    """Each once. EF.DIR is read only where no AID leads there."""
    usual = [] if files.habits.application is None else [files.habits.application]
    seen = dict.fromkeys((*usual, *((Base(aid=aid), aid) for aid in aids)))
    yield from tuple(seen)
    for candidate in _listed(_applications(files, tried), aids):
        if candidate not in seen:
            seen[candidate] = None
            yield candidate


def _listed(entries: tuple[ApplicationEntry, ...], aid_prefixes: tuple[bytes, ...]) -> Iterator[tuple[Base, bytes]]:
    """Yield what EF.DIR names, and where the application is on cards without one."""
    for entry in [entry for entry in entries if entry.aid.startswith(aid_prefixes)] or [e for e in entries if e.path]:
        elsewhere = Base(odf=entry.odf or EF_ODF, token_info=entry.token_info or EF_TOKEN_INFO)
        if entry.path:
            yield replace(elsewhere, path=_from_mf(entry.path)), entry.aid
        if entry.aid:
            yield replace(elsewhere, aid=entry.aid), entry.aid
    yield Base(DF_PKCS15), b""
    yield Base(MF), b""


def guard_of(files: CardFiles) -> Guard:
    """Return what a card that showed nothing wants first: PACE where it has EF.CardAccess (BSI TR-03110 part 3, A.1.1.1),
    else secure messaging where it named that. Raises CardGoneError, CardAnswerError.
    """
    try:
        card_access = files.read(EF_CARD_ACCESS)
    except (CommandRefusedError, TlvError):
        card_access = b""
    if card_access[:1] == SECURITY_INFOS:
        return "pace"
    return "secure_messaging" if files.guarded else ""


def _from_mf(path: bytes) -> bytes:
    return path if path[:2] == MF else MF + path


def _has_odf(files: CardFiles) -> bool:
    try:
        place = files.base.odf
        data = files.read_short(ODF_SHORT_ID, place, _is_odf) if files.base.aid and place == EF_ODF else None
        return bool(objects.parse_odf(files.read(place) if data is None else data))
    except (CommandRefusedError, TlvError):
        return False


def _is_odf(data: bytes) -> bool:
    """Names codes or certificates; a list of keys, which may look like one, never does."""
    kinds = {entry.directory for entry in objects.parse_odf(data)}
    return bool(kinds & {DirectoryKind.AUTHENTICATION, DirectoryKind.CERTIFICATES})

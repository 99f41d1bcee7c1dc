"""Traits of files: how single products lay out, select, read and guard their files (ISO/IEC 7816-4 clauses 7 and 11).

>>> file_ways(("padded-files",)).rooms["cdf"]
1530
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.reader import status
from sim.reader.trait import Trait, merge

_ROOMS = {"odf": 256, "aodf": 256, "cdf": 1530, "prkdf": 1530, "pukdf": 1530, "tokeninfo": 128}
"""Bytes, as pkcs15-init lays out MyEID cards (OpenSC myeid.profile)."""
NO_ANSWER, FCI, FCP = 0x0C, 0x00, 0x04  # P2 of SELECT, ISO/IEC 7816-4 table 41
BY_AID, PARENT, FROM_MF, FROM_CURRENT = 0x04, 0x03, 0x08, 0x09  # P1 of SELECT, ISO/IEC 7816-4 table 39
ANY_ID, DF_ID, EF_ID = 0x00, 0x01, 0x02
Serial = Literal["own", "batch", "none"]
Guard = Literal["", "secure-messaging", "pace"]


@dataclass(frozen=True, slots=True)
class FileWays:
    """Ways in which a card keeps its files. The default is as its kind does."""

    rooms: Mapping[str, int] = field(default_factory=dict)
    """Least length of a file in bytes, by `odf`, `aodf`, `cdf`, `prkdf`, `pukdf`, `tokeninfo`."""
    filler: int = 0x00
    """What stands behind the content."""
    no_short_ids: int | None = None
    """Status word for READ BINARY by short identifier; None: it is answered."""
    serial: Serial = "own"
    """`batch`: every card of the product has the same; `none`: it tells no serial."""
    answers: frozenset[int] = frozenset({FCI, FCP, NO_ANSWER})
    """P2 that SELECT takes."""
    path_p1: frozenset[int] = frozenset({FROM_MF, FROM_CURRENT})
    """P1 by which SELECT takes a path."""
    df_p1: frozenset[int] = frozenset({ANY_ID, DF_ID})
    """P1 by which SELECT finds a DF by its identifier."""
    ef_p1: frozenset[int] = frozenset({ANY_ID, EF_ID})
    """P1 by which SELECT finds an EF by its identifier."""
    most_read: int | None = None
    """Most bytes that READ BINARY gives."""
    refuses_longer: bool = False
    """A longer Le is a wrong length; else the answer is cut."""
    t0: bool = False
    """The answer to reset offers T=0 alone."""
    aid: bytes | None = None
    """The AID of the application, in the place of its kind's."""
    odf_elsewhere: bool = False
    """EF(ODF) lies in a DF of its own, and EF.DIR says where (odfPath)."""
    certificates_guarded: bool = False
    """Certificates are read once the PIN was verified (6982 before)."""
    gzip_untold: bool = False
    """PIV: certificates are packed, and nothing says so."""
    answers_as_t0: bool = False
    """Over T=1 too it answers 61xx and 6Cxx."""
    warm_atr: bool = False
    """After a warm reset its answer to reset is another one."""
    extension_s: float = 0
    """So long it takes over a key, a signature or RESET RETRY COUNTER, and asks for the time (WTX)."""
    trusted: int = 0
    """Bytes of FF in a list of trusted certificates; 0: there is no such list."""
    first_alone: bool = False
    """It lists the key and the certificate for identification, and no others."""
    guard: Guard = ""
    """What every command but SELECT wants first."""


_MYEID = "MyEID as pkcs15-init makes it: OpenSC myeid.profile"
FILE_TRAITS: dict[str, Trait] = {
    "padded-files": Trait(
        "has files longer than their content, filled with 00", "MyEID: OpenSC myeid.profile", {"rooms": _ROOMS}
    ),
    "padded-ff": Trait(
        "has files longer than their content, filled with FF", "CardOS, SetCOS: OpenSC cardos.profile, setcos.profile",
        {"rooms": _ROOMS, "filler": 0xFF},
    ),
    "no-sfi": Trait(
        "refuses short file identifiers with 6A86", "MyEID: OpenSC card-myeid.c never uses one",
        {"no_short_ids": status.WRONG_P1P2},
    ),
    "no-sfi-6a82": Trait(
        "finds no file by its short identifier (6A82)", "IsoApplet: its files have none (OpenSC card-isoApplet.c)",
        {"no_short_ids": status.NO_FILE},
    ),
    "batch-serial": Trait(
        "has the serial number 0000, as every card of its batch", _MYEID, {"serial": "batch"}, "ABCD"
    ),
    "no-serial": Trait(
        "tells no serial: an empty one in TokenInfo, a GUID of zeros in the CHUID, GET SERIAL refused",
        "PIV cards from before SP 800-73-3, whose GUID is all zeros; tokens without a serial: OpenSC card-piv.c",
        {"serial": "none"}, "ABCD",
    ),
    "select-df-01": Trait(
        "selects a DF by P1=01 only", "IAS-ECC of Oberthur and IDEMIA: OpenSC card-iasecc.c", {"df_p1": frozenset({DF_ID})}
    ),
    "select-ef-02": Trait(
        "selects an EF by P1=02 only", "IAS-ECC: OpenSC card-iasecc.c", {"ef_p1": frozenset({EF_ID})}
    ),
    "select-path-09": Trait(
        "selects an EF by a path from the current DF only (P1=09), and answers to P2=04 alone",
        "IAS-ECC of IDEMIA (EstEID 2018, Latvia): OpenSC card-iasecc.c, card-esteid2018.c",
        {"path_p1": frozenset({FROM_CURRENT}), "ef_p1": frozenset(), "answers": frozenset({FCP})},
    ),
    "select-no-answer": Trait(
        "answers SELECT with P2=0C only, and tells nothing of the file", "Belgian eID: OpenSC card-belpic.c",
        {"answers": frozenset({NO_ANSWER})},
    ),
    "no-path-select": Trait(
        "has no SELECT by path", "STARCOS, file identifiers one by one: OpenSC card-starcos.c", {"path_p1": frozenset()}
    ),
    "short-reads": Trait(
        "refuses to read more than 192 bytes at once (6700)", "IAS-ECC: OpenSC card-iasecc.c (max_recv_size)",
        {"most_read": 192, "refuses_longer": True},
    ),
    "short-answers": Trait(
        "gives at most 192 bytes of a file at once, however many are wanted",
        "IAS-ECC: OpenSC card-iasecc.c (max_recv_size)", {"most_read": 192},
    ),
    "t0": Trait(
        "speaks T=0 alone", "SITHS and Telia EID IP5a (ATR 3B7F96...): OpenSC card-setcos.c", {"t0": True}, "ABCD"
    ),
    "no-pkcs15-aid": Trait(
        "is found by EF.DIR or an AID of its own, never by that of PKCS#15",
        "IDPrime, EstEID 2018: OpenSC card-idprime.c, card-esteid2018.c", {"aid": bytes.fromhex("F0999900004B4B4649")}, "B",
    ),
    "trusted-list": Trait(
        "has an empty list of trusted certificates, 510 bytes of FF", _MYEID, {"trusted": 510}
    ),
    "odf-path": Trait(
        "keeps EF(ODF) in a DF of its own, which EF.DIR names (odfPath)", "ISO/IEC 7816-15 7.4; the product is unverified",
        {"odf_elsewhere": True},
    ),
    "guarded-certificates": Trait(
        "shows its certificates only once the PIN was verified (6982)",
        "eID cards that hold data of a person in their certificates: DNIe, OpenSC card-dnie.c", {"certificates_guarded": True},
        "ABCD",
    ),
    "gzip-untold": Trait(
        "keeps its certificates packed, without the bit that says so (CertInfo)",
        "PIV cards that were filled by hand: OpenSC piv-tool.c; the product is unverified", {"gzip_untold": True}, "CD",
    ),
    "t0-answers": Trait(
        "answers 61xx and 6Cxx over T=1 too", "Java Card applets: OpenSC apdu.c (sc_get_response, sc_single_transmit)",
        {"answers_as_t0": True},
    ),
    "warm-atr": Trait(
        "answers a warm reset with another ATR than a cold one",
        "cards that change protocol or speed by a warm reset (ISO/IEC 7816-3 6.3.1); the product is unverified",
        {"warm_atr": True}, "ABCD",
    ),
    "slow": Trait(
        "takes three seconds over a key, a signature and RESET RETRY COUNTER, and asks for the time (WTX)",
        "RSA keys that a chip makes: OpenSC apdu timeouts; ISO/IEC 7816-3 11.6.2.3", {"extension_s": 3.0}, "ABCD",
    ),
    "one-certificate": Trait(
        "has one certificate, for identification", "MyEID, IsoApplet and PIV cards as tools first fill them",
        {"first_alone": True}, "ABCD",
    ),
    "secure-messaging": Trait(
        "shows nothing without secure messaging (6982)", "DNIe, OPACITY PIV: OpenSC card-dnie.c, card-piv.c",
        {"guard": "secure-messaging"}, "ABCD",
    ),
    "pace": Trait(
        "shows nothing but EF.CardAccess before PACE (6982)", "German HBA and ID card: OpenSC card-npa.c",
        {"guard": "pace"}, "AB",
    ),
}  # fmt: skip


def file_ways(traits: Iterable[str]) -> FileWays:
    """Return how a card with those traits keeps its files."""
    return merge(FileWays(), FILE_TRAITS, traits)

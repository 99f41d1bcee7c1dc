"""What belongs to which class, what is left of an event, how pseudonyms are made, and which periods are refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from fleet.messages.vocabulary import EventType
from fleet.server.ingest.projections import receipt_bytes
from fleet.server.process.default_settings import SettingsError
from fleet.server.retention.pseudonyms import PseudonymKeyError, Pseudonyms, load_or_make
from fleet.server.retention.residue import residue_of, words_left
from fleet.server.retention.settings import class_of, load
from tests.fleet.server.conftest import NOW, SealingStation
from tests.fleet.server.retention.conftest import CARD, CLERK, HOLDER, PSEUDONYMS


@pytest.mark.parametrize(
    ("type_", "kind", "receipt", "expected"),
    [
        (EventType.CHAIN_CHECKPOINT, None, False, None),
        (EventType.DOOR_OPENED, None, False, "stations"),
        ("se.kortkiosk.of.tomorrow", None, False, "hand_overs"),
        (EventType.ERRAND_ENDED, "change_pin", False, "errands"),
        (EventType.ERRAND_ENDED, "change_pin", True, "hand_overs"),
        (EventType.ERRAND_ENDED, "report_lost", False, "hand_overs"),
        (EventType.ERRAND_ENDED, "unknown", False, "hand_overs"),
    ],
)
def test_which_class_an_event_belongs_to(type_: str, kind: str | None, receipt: bool, expected: str | None) -> None:
    assert class_of(type_, kind, in_errand=kind is not None, has_receipt=receipt) == expected


def test_of_words_only_those_on_the_list_are_left() -> None:
    left = words_left(
        {
            "errand": "e", "hsa_id": HOLDER, "card_number": CARD, "old_card": "", "second": CLERK, "slot": 3, "reason": ["x"],
            "receipt": {"payload": "x"}, "statement": "x", "document_digits": "1234", "remark": "x", "numbers": [CARD],
            "by_number": True, "missing": [CARD, 7], "unlisted": "x",
        },
        PSEUDONYMS,
    )  # fmt: skip
    assert left == {
        "errand": "e", "hsa_id": PSEUDONYMS.person(HOLDER), "card_number": PSEUDONYMS.card(CARD), "old_card": "",
        "second": PSEUDONYMS.person(CLERK), "slot": 3, "receipt": None,
        "by_number": True, "missing": [PSEUDONYMS.card(CARD)],
    }  # fmt: skip


def test_what_is_left_of_a_receipt_is_its_number(station: SealingStation) -> None:
    receipt = station.pickup()[3]
    residue = residue_of(receipt, NOW, PSEUDONYMS)
    assert residue is not None
    assert receipt_bytes(residue) == b"null"
    assert residue_of(station.seal(EventType.DOOR_OPENED), NOW, PSEUDONYMS) is None
    assert residue_of(station.seal(EventType.ERRAND_ENDED, {"errand": 7}), NOW, PSEUDONYMS) is None, (
        "it changed nothing"
    )


def test_a_key_with_a_flipped_bit_is_no_other_key(tmp_path: Path) -> None:
    """Before, all that was erased from then on had other pseudonyms than what was erased before."""
    path = tmp_path / "pseudonym.key"
    kept = load_or_make(path).card(CARD)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(PseudonymKeyError, match="is damaged"):
            load_or_make(path)
    path.write_bytes(whole[:32])
    assert load_or_make(path).card(CARD) == kept, "as an earlier version wrote it"


def test_pseudonyms_are_the_same_under_one_key_and_only_there(tmp_path: Path) -> None:
    kept = load_or_make(tmp_path / "pseudonym.key")
    assert (tmp_path / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert load_or_make(tmp_path / "pseudonym.key").card(CARD) == kept.card(CARD) != Pseudonyms(bytes(32)).card(CARD)
    assert kept.card("7") != kept.person("7")
    assert kept.card(kept.card(CARD)) == kept.card(CARD)


@pytest.mark.parametrize(
    "text",
    [
        "days = 7",
        "[days]\nerrands = 30",
        "[days]\nhand_overs = 3652",
        "[days]\nerrands = 4000",
        "[days]\nodd = 400",
        "[[hold]]\nerrand = ''\nreason = 'x'",
        "[",
    ],
)
def test_a_file_that_says_too_little_or_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "retention.toml").write_text(text)
    with pytest.raises(SettingsError):
        load(tmp_path / "retention.toml")


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "retention.toml").write_text("[days]\nerrands = 90\n[[hold]]\nerrand = 'e'\nreason = 'an inquiry'\n")
    settings = load(tmp_path / "retention.toml")
    assert (settings.days.errands, settings.days.stations, settings.held) == (90, 400, {"e"})
    assert settings.cutoff("errands", NOW) == NOW - timedelta(days=90)

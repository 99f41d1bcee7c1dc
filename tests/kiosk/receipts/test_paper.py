"""The paper says what the holder must know, in the holder's language, and never a name that is protected."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from drivers.printer.document import Document, QrBlock, RowBlock
from drivers.printer.layout import render, text_lines
from kiosk.receipts import (
    Genuine,
    ReceiptDetail,
    ReceiptPerson,
    binder_document,
    read_receipt,
    receipt_document,
    template,
    verify_receipt,
    wire,
)
from kiosk.receipts.facts import IdentifiedBy
from kiosk.receipts.wire import decode, from_b64url
from kiosk.steps.identity.identification_views import DOCUMENTS
from kiosk.steps.receipt_views import panel
from kiosk.texts import Texts
from kiosk.views import Say

SWEDISH = {
    "receipt.title.pickup": "Kvittens på utlämnat kort",
    "receipt.holder": "Innehavare",
    "receipt.hsa_id": "HSA-id",
    "receipt.card_number": "Kortnummer",
    "receipt.when.pickup": "Utlämnat",
    "receipt.by": "Av",
    "receipt.carry": "Ta med den i mobilen",
    "receipt.scan": "Skanna koden.",
    "receipt.number": "Nr {number}",
    "receipt.time": "{day} {month} {year} {hour}.{minute}",
    "receipt.month.11": "nov",
}
STOCKHOLM = timezone(timedelta(hours=1))


def swedish(sentence: Say) -> str:
    values = {key: swedish(value) if isinstance(value, Say) else value for key, value in sentence.args}
    return SWEDISH[sentence.key].format(**values)


def rows(document: Document) -> dict[str, str]:
    return {block.label: block.value for block in document.blocks if isinstance(block, RowBlock)}


def test_a_receipt_as_in_the_design(world) -> None:
    receipt = world.receipt()

    document = receipt_document(receipt.facts, swedish, receipt.qr, receipt.number, STOCKHOLM)

    assert text_lines(document)[:6] == [
        "Kvittens på utlämnat kort",
        "Innehavare                         Åsa Lindström",
        "HSA-id                         SE2321000999-7K2B",
        "Kortnummer                   9752 2690 5082 6134",
        "Utlämnat                       25 nov 2026 10.46",
        "Av                                 Örjan Nyström",
    ]
    assert text_lines(document)[-1] == "Nr 7F3A-91C2-K8M4A"
    assert QrBlock(receipt.qr) in document.blocks
    for width in (576, 384):
        assert render(document, width).width == width


def test_before_it_is_signed_there_is_no_code(world) -> None:
    document = receipt_document(world.facts(), swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert not any(isinstance(block, QrBlock) for block in document.blocks)
    assert "Skanna" not in repr(document)


def test_a_protected_identity_is_the_hsa_id_alone(world) -> None:
    facts = world.facts(holder=ReceiptPerson("SE2321000999-7K2B", None))

    document = receipt_document(facts, swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert "Innehavare" not in rows(document)
    assert rows(document)["HSA-id"] == "SE2321000999-7K2B"


def test_without_an_administrator_the_station_handed_it_out(world) -> None:
    facts = world.facts(administrator=None, identified_by="old_card", time=datetime(2026, 11, 2, 5, 3, tzinfo=UTC))

    document = receipt_document(facts, swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert rows(document)["Av"] == "Östra entrén"
    assert rows(document)["Utlämnat"] == "2 nov 2026 05.03"


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("way", get_args(IdentifiedBy))
@pytest.mark.parametrize("kind", [None, *DOCUMENTS])
def test_the_binder_says_who_was_seen_and_who_signed(world, language: str, way: str, kind: str | None) -> None:
    receipt = world.receipt(identified_by=way, document_kind=kind)
    texts = Texts.load()

    document = binder_document(receipt, lambda sentence: texts.plain(sentence, language), UTC)

    told = rows(document)
    assert len(told) == 11
    assert all(told.values()), "no text is missing"
    assert not any("{" in value or "receipt." in value for value in told.values())
    digits = hashlib.sha256(receipt.document).hexdigest()
    assert digits in "".join("".join(told.values()).split())


KINDS = sorted(key.rpartition(".")[2] for key in Texts.load().catalogues["sv"] if key.startswith("receipt.title."))


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_receipt_of_each_kind_has_all_its_words(world, language: str, kind: str) -> None:
    texts, receipt = Texts.load(), world.receipt(kind=kind)

    document = binder_document(receipt, lambda sentence: texts.plain(sentence, language), UTC)

    assert "receipt." not in repr(document)
    assert len(document.blocks) >= 10


def test_screen_and_paper_say_the_same(world) -> None:
    facts = world.facts(administrator=None)
    shown = panel(facts)

    paper = receipt_document(facts, swedish, None, "7F3A-91C2-K8M4A")

    assert shown.title == template(facts).title
    assert [(swedish(one.label), plain(one.value)) for one in shown.facts] == list(rows(paper).items())


def plain(value: Say | str) -> str:
    return value if isinstance(value, str) else swedish(value)


WORK = {
    "kind": "empty_bin", "order": None, "card_number": "", "document_kind": None, "terms": "",
    "details": (ReceiptDetail("counted", "22"), ReceiptDetail("seal", "440017")), "remarks": ("bin_missing",),
}  # fmt: skip


@pytest.mark.parametrize("language", ["sv", "en"])
def test_what_is_about_no_card_names_who_did_it_and_the_figures(world, language: str) -> None:
    texts, receipt = Texts.load(), world.receipt(card=None, **WORK)

    paper = receipt_document(receipt.facts, lambda said: texts.plain(said, language), receipt.qr, receipt.number, UTC)

    told = [(block.label, block.value) for block in paper.blocks if isinstance(block, RowBlock)]
    assert [value for _, value in told] == [
        "Åsa Lindström (SE2321000999-7K2B)", "Örjan Nyström (SE2321000999-ADM1)", "22", "440017",
        told[4][1], "Östra entrén",
    ]  # fmt: skip
    holder = texts.plain(Say("receipt.holder"), language)
    assert holder not in [label for label, _ in told], "nobody holds a bin"


def test_figures_are_signed_and_a_receipt_without_any_is_written_as_before(world) -> None:
    receipt = world.receipt(card=None, **WORK)
    assert read_receipt(receipt.document, receipt.qr).facts.details == WORK["details"]
    assert isinstance(verify_receipt(receipt.document, world.trust), Genuine)
    assert b"details" not in from_b64url(decode(world.receipt(card=None).document, wire.ReceiptDocument).payload)

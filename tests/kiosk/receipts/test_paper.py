"""The paper says what the holder must know, in the holder's language, and never a name that is protected."""

from datetime import UTC, datetime, timedelta, timezone

from drivers.printer.document import Document, Qr, Row
from drivers.printer.layout import render, text_lines
from kiosk.receipts import Person, receipt_document
from kiosk.views import Say

SWEDISH = {
    "receipt.title.pickup": "Kvittens på utlämnat kort",
    "receipt.holder": "Innehavare",
    "receipt.hsa_id": "HSA-id",
    "receipt.card_number": "Kortnummer",
    "receipt.handed_out": "Utlämnat",
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
    return {block.label: block.value for block in document.blocks if isinstance(block, Row)}


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
    assert Qr(receipt.qr) in document.blocks
    for width in (576, 384):
        assert render(document, width).width == width


def test_before_it_is_signed_there_is_no_code(world) -> None:
    document = receipt_document(world.facts(), swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert not any(isinstance(block, Qr) for block in document.blocks)
    assert "Skanna" not in repr(document)


def test_a_protected_identity_is_the_hsa_id_alone(world) -> None:
    facts = world.facts(holder=Person("SE2321000999-7K2B", None))

    document = receipt_document(facts, swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert "Innehavare" not in rows(document)
    assert rows(document)["HSA-id"] == "SE2321000999-7K2B"


def test_without_an_administrator_the_station_handed_it_out(world) -> None:
    facts = world.facts(administrator=None, identified_by="old_card", time=datetime(2026, 11, 2, 5, 3, tzinfo=UTC))

    document = receipt_document(facts, swedish, None, "7F3A-91C2-K8M4A", UTC)

    assert rows(document)["Av"] == "Östra entrén"
    assert rows(document)["Utlämnat"] == "2 nov 2026 05.03"

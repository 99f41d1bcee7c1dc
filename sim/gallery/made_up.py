"""Made-up people, cards and papers of the gallery's samples."""

from datetime import UTC, datetime

import msgspec

from drivers.reader.model import CardFacts, Certificate, Holder, Pin
from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from kiosk.administration_ports import DeviceOverview, PartOfBoard
from kiosk.issuer.ports import LoggedIn
from kiosk.policy import PinPolicy
from kiosk.ports import Order
from kiosk.receipts import Receipt, ReceiptFacts, ReceiptPerson
from kiosk.steps import order_views
from kiosk.steps.identity.identification import Identification

NUMBER, OLD_NUMBER = "9999000020260005", "9999000010260005"
ADMINISTRATOR = LoggedIn("SE2321000999-1A13", "Maj Utlämningsdotter", "server")
ORDER = Order(
    order="2026-0005", hsa_id="SE2321000999-1A05", name="Alexandra Långtnamnsson-Exempelgren", protected=False,
    card_number=NUMBER, product="ordinary", loa=3, slot=14, last_day="2026-12-31",
)  # fmt: skip
PROTECTED = Order(
    order="2026-0006", hsa_id="SE2321000999-1A06", name=None, protected=True, card_number=NUMBER, product="ordinary",
    loa=3, slot=3, last_day="2026-12-31",
)  # fmt: skip
PAST = msgspec.structs.replace(ORDER, last_day="2026-11-20")
OWN = Identification("old_card", ORDER.hsa_id, 3, OLD_NUMBER)
ATTENDED = Identification("administrator", administrator=ADMINISTRATOR, document="passport")
POLICY = PinPolicy()
TIME = datetime(2026, 11, 25, 10, 46, tzinfo=UTC)
ISSUED, EXPIRES = TIME.replace(year=2024, month=3, day=31), TIME.replace(year=2029, month=3, day=31)
FACTS = ReceiptFacts(
    kind="pickup", time=TIME, station="lasarettet-a", place="Lasarettet, entré A", order=ORDER.order, card_number=NUMBER,
    holder=ReceiptPerson(ORDER.hsa_id, ORDER.name), identified_by="administrator",
    administrator=ReceiptPerson(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name), document_kind="passport", terms=order_views.TERMS,
)  # fmt: skip
RECEIPT = Receipt(FACTS, "7F3A-91C2-K8M4A", "card", b"{}", "KK1.a-made-up-statement-of-a-receipt." + "Made-Up-0" * 26)
DEVICES = (
    DeviceOverview(DeviceKind.READER, DeviceStatus.READY, True),
    DeviceOverview(DeviceKind.PRINTER, DeviceStatus.OUT_OF_PAPER, False),
    DeviceOverview(DeviceKind.CABINET, DeviceStatus.READY, True),
    DeviceOverview(PartOfBoard.BIN, DeviceStatus.READY, True, 23, 50), DeviceOverview(PartOfBoard.LINK, DeviceStatus.READY, True),
)  # fmt: skip


def _card() -> CardFacts:
    certificate = Certificate(
        "45",
        "identification",
        "CN=Made Up",
        "CN=Exempel e-id CA",
        "01",
        ISSUED,
        EXPIRES,
        "identification",
        3,
        "ok",
        b"",
        holder=Holder("Made Up", ORDER.hsa_id),
    )
    pin = Pin("01", "PIN", Role.IDENTIFICATION, 1, 3, "ok", 6, 8)
    return CardFacts(
        "reader", b"", "pkcs15", "virtual-b", "00", NUMBER, Holder("Made Up", ORDER.hsa_id), (pin,), (certificate,), b""
    )


CARD_FACTS = _card()

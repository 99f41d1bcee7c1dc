"""What is promised of the receipt's code is what a phone makes of it."""

from dataclasses import replace

from kiosk.steps import receipt_views as views
from kiosk.steps.context import ViewContext
from sim.gallery.made_up import RECEIPT

CONTEXT = ViewContext("pickup")


def test_a_phone_opens_an_address_and_of_a_bare_text_keeps_the_text() -> None:
    opens = replace(RECEIPT, qr=f"https://fleet.example/r/#{RECEIPT.qr}")
    assert [line.key for line in views.on_phone(CONTEXT, opens).lead] == ["phone.lead.opens"]
    assert [line.key for line in views.on_phone(CONTEXT, RECEIPT).lead] == ["phone.lead"]

"""Who may be offered their receipt by e-mail: whoever has shown who they are, where region and server can."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from kiosk.region import ReceiptRules, RegionSettings
from kiosk.steps.receipt import can_mail
from sim.gallery.made_up import RECEIPT

FACTS = replace(RECEIPT.facts, identified_by="card")


@pytest.mark.parametrize(
    ("facts", "region", "known", "can"),
    [
        (FACTS, True, True, True),
        (FACTS, False, True, False),
        (FACTS, True, False, False),
        (replace(FACTS, identified_by="number"), True, True, False),
        (replace(FACTS, holder=replace(FACTS.holder, name=None)), True, True, False),
    ],
    ids=["all is well", "not in this region", "no address", "by a number alone", "protected"],
)
async def test_who_is_offered_it(facts: object, region: bool, known: bool, can: bool) -> None:
    asked: list[str] = []

    async def server(hsa_id: str) -> bool:
        asked.append(hsa_id)
        return known

    settings = RegionSettings(receipts=ReceiptRules(mail=region))
    caps = SimpleNamespace(region=settings, directory=SimpleNamespace(can_mail=server))
    assert await can_mail(caps, replace(RECEIPT, facts=facts)) is can  # type: ignore[arg-type]
    assert asked == ([FACTS.holder.hsa_id] if can or not known else []), "the server is asked of nobody else"

"""Validation of questions to the issuer, beside what their types say. Pure.

>>> from fleet.messages.asking import LiftAsk
>>> check_bounds(LiftAsk(id="1", card_number="9999"))
Traceback (most recent call last):
...
fleet.messages.link.MessageError: id: out of bounds
"""

import re

from fleet.messages.asking import CardProofAsk, ChallengeAsk, DirectoryAsk, IdentifiedAsk, LoginAsk, WorklistAsk
from fleet.messages.link import MessageError

_ID = re.compile(r"[0-9a-f]{32}\Z")
_HSA_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}\Z")
_CARD_NUMBER = re.compile(r"[A-Z0-9]{4,40}\Z")
_SERIAL = re.compile(r"[0-9A-Fa-f]{0,64}\Z")
_HEX = re.compile(r"(?:[0-9a-f]{2}){1,32}\Z")


def check_bounds(ask: IdentifiedAsk) -> None:
    """Raises MessageError, which names the member and shows nothing of it."""
    number, person = getattr(ask, "card_number", ""), getattr(ask, "hsa_id", "")
    rules = {
        "id": bool(_ID.match(ask.id)),
        "card_number": not number or bool(_CARD_NUMBER.match(number)),
        "hsa_id": not person or bool(_HSA_ID.match(person)),
        "challenge": not isinstance(ask, ChallengeAsk | CardProofAsk) or bool(_HEX.match(ask.challenge)),
        "serial": not isinstance(ask, ChallengeAsk) or bool(_SERIAL.match(ask.serial)),
        "witness": not isinstance(ask, CardProofAsk) or bool(_HEX.match(ask.witness)),
        "find": not isinstance(ask, DirectoryAsk) or bool(ask.hsa_id) != bool(ask.card_number),
        "take": not isinstance(ask, WorklistAsk) or not ask.take or bool(_ID.match(ask.take)),
        "card": isinstance(ask, LoginAsk | WorklistAsk | DirectoryAsk) or bool(number),
    }
    for name, fits in rules.items():
        if not fits:
            raise MessageError(f"{name}: out of bounds")

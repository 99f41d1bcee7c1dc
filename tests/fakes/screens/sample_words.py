"""Sentences of the sample views: each in Swedish and English side by side, in a catalogue of their own."""

from kiosk.texts import Texts
from kiosk.views import CANCEL, Button, Say, say

_SENTENCES: dict[str, tuple[str, str]] = {}
NUMBER = "9752269044713058"
RECEIPT_QR = "KK1.7F3A-91C2.made-up-receipt-of-a-made-up-station." + "0123456789ABCDEF" * 6


def sentence(swedish: str, english: str) -> Say:
    """A sentence of the samples' own catalogue."""
    key = f"sample.{len(_SENTENCES)}"
    _SENTENCES[key] = swedish, english
    return say(key)


def texts() -> Texts:
    """The catalogue of the samples and the frame."""
    built_in = Texts.load().catalogues
    return Texts(
        {
            language: {**built_in[language], **{key: both[at] for key, both in _SENTENCES.items()}}
            for at, language in enumerate(("sv", "en"))
        }
    )


UNLOCK = sentence("Lås upp kort", "Unlock card")
COLLECT = sentence("Hämta kort", "Collect card")
CANCEL_BUTTON = Button(CANCEL, sentence("Avbryt", "Cancel"), "close")
BACK = Button("back", sentence("Tillbaka", "Back"), "arrow-left")
WAITS = sentence("Väntar på kortet", "Waiting for the card")

"""Choice of a sound card by its role: one on USB, else a jack, else HDMI; never the one that was first to register.

Rules: it is looked for each time that sound is wanted, so it may come and go. Of two with one role the port decides, not the
order of plugging in. One that has come is set to a known level. A device that is named is taken as it is named.

    card = SoundCard(on_fault=report)
    card.device()      # "default:CARD=Headphones"
"""

import re
from collections.abc import Callable
from pathlib import Path

from drivers.speech.alsa_sound import set_level
from drivers.speech.tones import ToneError

CARDS = Path("/sys/class/sound")
_CARD_OF_DEVICE = re.compile(r"(?:CARD=|hw:(?!CARD=))(\w+)")
MISSING = "no sound card: plug one in, or compare with `speech.device` in station.toml; until then nothing is spoken"


class SoundCard:
    """`named`: a device of ALSA, such as `plughw:CARD=Device`; empty: by role. `on_fault` is told, once, that there is none."""

    def __init__(
        self,
        named: str = "",
        on_fault: Callable[[str], None] = lambda text: None,
        *,
        folder: Path = CARDS,
        set_level: Callable[[str], None] = set_level,
    ) -> None:
        self._named, self._on_fault, self._folder, self._set_level = named, on_fault, folder, set_level
        self._card: str | None = None

    def device(self) -> str:
        """ALSA's name of the device; empty where there is none."""
        cards = self._find_cards()
        match = _CARD_OF_DEVICE.search(self._named)
        if match:
            cards = [card for card in cards if match[1] in card]
        elif self._named:
            return self._named
        card = cards[0][0] if cards else ""
        if card != self._card:
            self._card = card
            try:
                self._set_level(f"hw:{card}") if card else self._on_fault(MISSING)
            except ToneError as error:
                self._on_fault(f"the level of the sound card {card} is as it was: {error}")
        return (self._named or f"default:CARD={card}") if card else ""

    def _find_cards(self) -> list[tuple[str, str]]:
        """Identifier and number of each card that plays, best first."""
        cards = []
        for path in self._folder.glob("card[0-9]*"):
            if any(path.glob("pcm*p")):
                name, port = (path / "id").read_text("ascii").strip(), (path / "device").resolve()
                role = 0 if re.search(r"/usb\d", str(port)) else 2 if "hdmi" in name.lower() else 1
                cards.append((role, str(port), name, path.name.removeprefix("card")))
        return [(name, number) for _, _, name, number in sorted(cards)]

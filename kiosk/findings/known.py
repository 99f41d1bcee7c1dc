"""Evidence on a card that rules look at, and the finding that a rule gives."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from drivers.reader.model import CardFacts, Certificate
from fleet.messages.link import Delivery
from fleet.messages.vocabulary import FindingCode
from kiosk.issuer.ports import CardWord, DirectoryPerson, NotFound, Unavailable
from kiosk.ports import FOUND_AGAIN, Order
from kiosk.steps.own_card import HANDS_OVER
from kiosk.texts import Texts
from kiosk.views import Say, say
from kiosk.views.parts import Argument

Args = dict[str, Argument]
Who = Literal["holder", "administrator", "issuer", "nobody"]
"""Who can mend it: at this station, at the office, by the card's issuer; or it only has to be known."""


@dataclass(frozen=True, slots=True)
class CardEvidence:
    """All that is known of a card at an aware time. What nobody has said is None or Unavailable, and then finds nothing."""

    card: CardFacts
    at: datetime
    register: CardWord | NotFound | Unavailable = field(default_factory=Unavailable)
    """The word of directory and register."""
    person: DirectoryPerson | None = None
    """The holder, told once they have proved to be that person."""
    order: Order | None = None
    pending: Delivery | None = None
    """How it comes to its holder, to whom it is still to be handed over."""
    printed: str = ""
    """The number that stands on the card, or its last eight digits, as typed or scanned; empty where nobody has looked."""
    loa2_ends: date | None = None
    """The region's last day of LoA2."""
    activates: bool = True
    """Whether the region activates cards at its stations; else a card that is not gets its code with the letter."""

    @property
    def today(self) -> date:
        """The day, where the station stands."""
        return self.at.astimezone().date()

    @property
    def record(self) -> CardWord | None:
        """The card in the register."""
        return self.register if isinstance(self.register, CardWord) else None

    @property
    def in_use(self) -> Iterator[Certificate]:
        """The pair that names the holder: whatever else lies on the card is not used."""
        pair = self.card.certificate("identification"), self.card.certificate("signature")
        return (certificate for certificate in pair if certificate is not None)

    @property
    def hands_over(self) -> str | None:
        """The errand that hands over a card that is still to be; None where a person does it, elsewhere."""
        if self.pending is None or (self.pending == "post" and not self.activates):
            return None
        return HANDS_OVER[self.pending]


@dataclass(frozen=True, slots=True)
class CardFinding:
    """One thing that is wrong. `errand` is the id of the errand that mends it; None where only a person can."""

    code: FindingCode
    errand: str | None
    who: Who = "holder"
    args: Args = field(default_factory=dict)
    works: bool = False
    """Whether the card works meanwhile."""

    @property
    def begins(self) -> str:
        """Name under which the errand begins where the card is in and this finding was told; empty where only a person
        can mend it."""
        if self.code is FindingCode.ON_HOLD and self.errand:
            return FOUND_AGAIN
        return self.errand or ""

    @property
    def title(self) -> Say:
        """Sentence that says what is wrong."""
        return say(f"finding.{self.code}.title", **self.args)

    @property
    def means(self) -> Say:
        """Sentence that says what that means for the holder."""
        return say(f"finding.{self.code}.means", **self.args)

    @property
    def mend(self) -> Say:
        return say(f"finding.{self.code}.do", **self.args)

    @property
    def text(self) -> str:
        """All three, in English: for programs."""
        texts = Texts.load()
        title = texts.plain(self.title, "en").removesuffix(".")
        return f"{title}. {texts.plain(self.means, 'en')} {texts.plain(self.mend, 'en')}"

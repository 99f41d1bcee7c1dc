"""Sample views: one of each shape and state, in the wording of the design. Those that ask are in `sample_questions`.

Names, numbers and places are made up. `SAMPLES` is name -> `Sample`; `sample_words.texts()` holds their sentences.
"""

# ruff: noqa: E501 - a sentence and its translation stand side by side

from dataclasses import dataclass
from typing import Any

from kiosk.views import (
    Await,
    Busy,
    Button,
    CabinetDrawing,
    DropDrawing,
    Fact,
    MachineDrawing,
    Note,
    Point,
    ReaderDrawing,
    ReceiptPanel,
    Step,
    Task,
    Tell,
    Tries,
    View,
)
from tests.fakes.screens.sample_questions import (
    CHOOSE_LIST,
    CLAIM,
    CONFIRM,
    FOUND,
    IDLE,
    IDLE_WITHOUT,
    NEW_PIN,
    PRINTED,
    PUK,
    RECEIPT,
    SERVER,
)
from tests.fakes.screens.sample_words import CANCEL_BUTTON, COLLECT, RECEIPT_QR, UNLOCK, WAITS, sentence


@dataclass(frozen=True)
class Sample:
    """A view, and how the station is while it is shown. `types` digits are typed for its picture."""

    view: View[Any]
    card_in: bool = True
    types: str = ""


INSERT = Await(
    name="insert",
    title=sentence("Sätt i ditt kort i läsaren", "Put your card in the reader"),
    errand=UNLOCK,
    step=Step(1, 4),
    lead=(
        sentence("Läsaren lyser gult. Vänd chipet uppåt och skjut in kortet tills det tar stopp.", "The reader is lit. Chip up, push the card until it stops."),
        sentence("Låt det sitta kvar tills vi säger till.", "Leave it in until we tell you."),
    ),
    note=Note(
        sentence("Torka av chipet med en torr trasa och försök igen.", "Wipe the chip with a dry cloth and try again."),
        sentence("Kortet läses inte?", "Card not read?"),
    ),
    drawing=ReaderDrawing(),
    way_out=CANCEL_BUTTON,
    waits_for=WAITS,
)  # fmt: skip
BUSY = Busy(
    name="writing",
    title=sentence("Låt kortet sitta kvar", "Leave the card in"),
    errand=UNLOCK,
    step=Step(4, 4),
    lead=(sentence("Vi skriver din nya kod till kortet.", "We are writing your new code to the card."),),
    tasks=(
        Task(sentence("PUK-koden är rätt", "The PUK code is right"), "done"),
        Task(sentence("Den nya koden skrivs", "The new code is being written"), "now"),
        Task(sentence("Kortet provas", "The card is tested"), "later"),
    ),
    seconds=6,
    under=sentence("Kortet sitter i läsaren", "The card is in the reader"),
)  # fmt: skip
SUCCESS = Tell(
    name="done",
    title=sentence("Klart. Kortet är upplåst.", "Done. Your card is unlocked."),
    errand=UNLOCK,
    badge="success",
    lead=(
        sentence("Din nya kod gäller direkt. Vi har provat den: både legitimering och underskrift fungerar.", "Your new code works right away. We tried it: log in and sign both work."),
        sentence("**Spara brevet.** PUK-koden är densamma.", "**Keep the letter.** The PUK code in it is the same as before."),
    ),
    drawing=MachineDrawing(("reader", "printer")),
    drawing_text=sentence("Ta ditt kort och din kvittens", "Take your card and receipt"),
    side=Button("phone", sentence("Kvittens i mobilen", "Receipt to phone"), "qrcode"),
    primary=Button("finish", sentence("Avsluta", "Finish"), "check"),
)  # fmt: skip
WRONG_PUK = Tell(
    name="wrong_puk",
    title=sentence("PUK-koden stämde inte", "The PUK code was not right"),
    errand=UNLOCK,
    step=Step(3, 4),
    badge="warning",
    lead=(sentence("Kortet är som det var: låst, men inte förstört. Kontrollera två saker innan du försöker igen.", "Your card is unchanged: locked, but not ruined. Check two things before you try again."),),
    points=(
        Point(sentence("Brevet hör till kortet: numret slutar på **4471 3058**.", "The letter is for this card: its number ends in **4471 3058**."), bullet="number"),
        Point(sentence("Du läser raden **PUK**, inte PIN.", "You read the line **PUK**, not PIN."), bullet="number"),
    ),
    tries=Tries(4, 1, sentence("Sedan stannar vi, så att kortet inte blir obrukbart. Då hjälper ID-administratören dig.", "Then we stop, so that the card is not ruined. The ID administrator will help you.")),
    way_out=CANCEL_BUTTON,
    side=Button("order", sentence("Beställ nytt brev", "Order a letter")),
    primary=Button("again", sentence("Försök igen", "Try again"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
RETURN = Await(
    name="drop",
    title=sentence("Lägg kortet i facket som lyser", "Put the card in the lit slot"),
    errand=sentence("Lämna kort", "Return card"),
    step=Step(3, 3),
    lead=(sentence("Det går inte att ta tillbaka.", "You cannot get it back."),),
    drawing=DropDrawing(),
    way_out=CANCEL_BUTTON,
    waits_for=WAITS,
)  # fmt: skip
NO_PAPER = Tell(
    name="no_paper",
    title=sentence("Papperet är slut", "Out of paper"),
    errand=UNLOCK,
    badge="warning",
    badge_icon="printer-alert",
    points=(
        Point(sentence("Ditt ärende är klart.", "Your errand is done."), sentence("Kortet är upplåst och den nya koden gäller.", "The card is unlocked and the new code works."), "good"),
        Point(sentence("Kvittensen är sparad.", "The receipt is saved."), sentence("Du får den i mobilen här, eller på papper av ID-administratören.", "Take it on your phone here, or on paper from the ID administrator."), "good"),
        Point(sentence("Driften har fått besked och fyller på.", "Operations have been told."), icon="wrench-outline"),
    ),
    receipt=ReceiptPanel(
        sentence("Skanna med mobilen", "Scan with your phone"),
        (Fact(sentence("Gäller", "Valid"), sentence("Gäller i 30 dagar", "Valid for 30 days")),),
        RECEIPT_QR,
        "7F3A-91C2",
    ),
    side=Button("later", sentence("Skriv ut senare", "Print later"), "printer-outline"),
    primary=Button("finish", sentence("Avsluta", "Finish"), "check"),
)  # fmt: skip
SLOT = Await(
    name="slot",
    title=sentence("Ta ditt nya kort ur\u00a0fack\u00a014", "Take your new card from\u00a0slot\u00a014"),
    errand=COLLECT,
    step=Step(3, 5),
    attended_by="Örjan Nyström",
    lead=(sentence("Facket lyser gult och luckan är öppen. Stäng luckan när du har tagit kortet.", "The slot is lit and its door is open. Close the door when you have the card."),),
    facts=(
        Fact(sentence("Jämför:", "Compare:"), "Åsa Lindström", "account-check-outline"),
        Fact(sentence("Kort", "Card"), "…5082 6134", "smart-card-outline"),
    ),
    note=Note(sentence("Luckan ska vara stängd inom **50 sekunder**, annars larmar stationen.", "The door must be closed within **50 seconds**, or the station sounds an alarm."), kind="clock"),
    drawing=CabinetDrawing(24, 14),
    way_out=Button("wrong", sentence("Fel kort i facket", "Wrong card in slot"), "alert-outline"),
    primary=Button("taken", sentence("Jag har kortet", "I have the card"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
PULLED = Await(
    name="pulled",
    title=sentence("Kortet togs ut medan vi skrev", "The card was taken out while we were writing"),
    errand=UNLOCK,
    step=Step(4, 4),
    badge="failure",
    badge_icon="smart-card-off-outline",
    lead=(
        sentence("**Vi vet inte än om din gamla eller nya kod gäller.** Prova ingen kod på datorn.", "**We do not know yet whether your old or your new code applies.** Do not try a code on your computer."),
        sentence("Sätt i samma kort igen, så kontrollerar vi. Det kostar inget försök.", "Put the same card back in, and we will check it. No try is used."),
    ),
    drawing=ReaderDrawing(),
    way_out=Button("without", sentence("Jag har inte kortet", "I do not have the card"), "help-circle-outline"),
    waits_for=WAITS,
)  # fmt: skip

SAMPLES = {
    "01-idle": Sample(IDLE, card_in=False),
    "01-idle-without": Sample(IDLE_WITHOUT, card_in=False),
    "01-list": Sample(CHOOSE_LIST, card_in=False),
    "02-insert-card": Sample(INSERT, card_in=False),
    "03-card-found": Sample(FOUND),
    "04-envelope-puk": Sample(PUK, types="24681"),
    "05-new-pin": Sample(NEW_PIN, types="123456"),
    "06-confirm": Sample(CONFIRM),
    "07-busy": Sample(BUSY),
    "08-receipt": Sample(RECEIPT),
    "09-success": Sample(SUCCESS),
    "10-wrong-puk": Sample(WRONG_PUK),
    "12-return": Sample(RETURN, card_in=False),
    "13-no-paper": Sample(NO_PAPER, card_in=False),
    "18-collect": Sample(SLOT),
    "19-card-pulled": Sample(PULLED, card_in=False),
    "20-printed": Sample(PRINTED, types="5082"),
    "21-claim": Sample(CLAIM, card_in=False, types="5082"),
    "22-server": Sample(SERVER, card_in=False),
}

CONTACTS = (
    Fact(sentence("Närmaste station", "Nearest station"), sentence("Vårdcentralen Björkängen, entré B. Öppen dygnet runt.", "Björkängen health centre, entrance B. Open day and night.")),
    Fact(sentence("ID-administratör", "ID administrator"), sentence("Plan 2, rum 214. Vardagar 7.30–16.00.\nTelefon 0980-319 240.", "Floor 2, room 214. Weekdays 7.30–16.00.\nPhone 0980-319 240.")),
    Fact(sentence("Förlorat kort", "Lost card"), sentence("Spärrlinjen 020-32 32 62, när kontoret är stängt.", "Block line 020-32 32 62, when the office is closed.")),
)  # fmt: skip
CLOSED_TITLE = sentence("Stationen är stängd", "This station is closed")
CLOSED_LEAD = (
    sentence("Kortläsaren svarar inte.", "The card reader does not answer."),
    sentence("Driften har fått besked klockan 10.31.", "Operations were told at 10.31."),
    sentence("Inget kort sitter kvar i stationen.", "No card is left inside."),
)

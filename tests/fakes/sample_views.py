"""Sample views: one of each shape and state, in the wording of the design, with a catalogue of their own.

Names, numbers and places are made up. `SAMPLES` is name -> `Sample`; `texts()` holds their sentences and those of the frame.
"""

# ruff: noqa: E501 - a sentence and its translation stand side by side

from dataclasses import dataclass
from typing import Any

from kiosk.policy import PinPolicy
from kiosk.texts import Texts
from kiosk.views import (
    CANCEL,
    Await,
    Busy,
    Button,
    CabinetDrawing,
    CardDrawing,
    Choose,
    Confirm,
    DropDrawing,
    EnterCode,
    EnterDigits,
    Fact,
    LetterDrawing,
    MachineDrawing,
    Note,
    Option,
    Point,
    ReaderDrawing,
    ReceiptPanel,
    Say,
    Step,
    Task,
    Tell,
    Tries,
    View,
    say,
)

_SENTENCES: dict[str, tuple[str, str]] = {}
NUMBER = "9752269044713058"
RECEIPT_QR = "KK1.7F3A-91C2.made-up-receipt-of-a-made-up-station." + "0123456789ABCDEF" * 6


def _say(swedish: str, english: str) -> Say:
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


@dataclass(frozen=True)
class Sample:
    """A view, and how the station is while it is shown. `types` digits are typed for its picture."""

    view: View[Any]
    card_in: bool = True
    types: str = ""


_UNLOCK = _say("Lås upp kort", "Unlock card")
_COLLECT = _say("Hämta kort", "Collect card")
_CANCEL = Button(CANCEL, _say("Avbryt", "Cancel"), "close")
_BACK = Button("back", _say("Tillbaka", "Back"), "arrow-left")
_WAITS = _say("Väntar på kortet", "Waiting for the card")

IDLE = Choose(
    name="home",
    title=_say("Vad vill du göra?", "What do you want to do?"),
    options=(
        Option("pickup", _COLLECT, _say("Ditt nya kort är här", "Your new card is here"), "door-open"),
        Option("unblock", _UNLOCK, _say("Fel kod tre gånger", "Wrong code three times"), "lock-open-variant-outline"),
        Option("change_pin", _say("Byt kod", "Change code"), _say("Du kan din kod", "You know your code"), "form-textbox-password"),
        Option("check_card", _say("Testa kort", "Test card"), _say("Hitta felet på kortet", "Find what is wrong"), "stethoscope"),
        Option("return_card", _say("Lämna kort", "Return card"), _say("När du slutar", "When you leave"), "inbox-arrow-down-outline"),
        Option("report_lost", _say("Förlorat kort", "Lost card"), _say("Spärra det genast", "Block it at once"), "smart-card-off-outline"),
    ),
    layout="tiles",
    aside=(
        _say("Har du kortet med dig?", "Do you have your card with you?"),
        _say("Sätt i det, så ser du vad du kan göra.", "Put it in to see what you can do."),
    ),
    footer=(_say("Spärrlinje när kontoret är stängt", "Block line when the office is closed"), "020-32 32 62"),
    side=Button("more", _say("Fler ärenden", "More errands"), "chevron-right"),
)  # fmt: skip
IDLE_WITHOUT = Choose(
    name="home.without",
    title=IDLE.title,
    options=(
        Option("pickup", _COLLECT, icon="door-open", reason=_say("Fack 14 är trasigt", "Slot 14 is broken")),
        *IDLE.options[1:],
    ),
    layout="tiles",
    aside=IDLE.aside,
    footer=IDLE.footer,
    side=IDLE.side,
    banner=Note(_say("Skrivaren saknar papper. Kvittenser visas på skärmen.", "The printer is out of paper. Receipts are shown on screen.")),
)  # fmt: skip
CHOOSE_LIST = Choose(
    name="pickup.how",
    title=_say("Hur vill du visa vem du är?", "How do you want to show who you are?"),
    errand=_COLLECT,
    step=Step(1, 5),
    options=(
        Option("card", _say("Med mitt gamla kort", "With my old card"), _say("Det måste gälla, och du behöver koden", "It must be valid, and you need its code"), "smart-card-outline"),
        Option("admin", _say("Med en ID-administratör", "With an ID administrator"), _say("Hon eller han är här nu", "She or he is here now"), "account-tie-outline"),
        Option("letter", _say("Med koden i brevet", "With the code in the letter"), icon="email-outline", reason=_say("Gäller bara kort med LoA 2", "Only for cards of LoA 2")),
    ),
    way_out=_CANCEL,
)  # fmt: skip
INSERT = Await(
    name="insert",
    title=_say("Sätt i ditt kort i läsaren", "Put your card in the reader"),
    errand=_UNLOCK,
    step=Step(1, 4),
    lead=(
        _say("Läsaren lyser gult. Vänd chipet uppåt och skjut in kortet tills det tar stopp.", "The reader is lit. Chip up, push the card until it stops."),
        _say("Låt det sitta kvar tills vi säger till.", "Leave it in until we tell you."),
    ),
    note=Note(
        _say("Torka av chipet med en torr trasa och försök igen.", "Wipe the chip with a dry cloth and try again."),
        _say("Kortet läses inte?", "Card not read?"),
    ),
    drawing=ReaderDrawing(),
    way_out=_CANCEL,
    waits_for=_WAITS,
)  # fmt: skip
FOUND = Confirm(
    name="found",
    title=_say("Är det här ditt kort?", "Is this your card?"),
    errand=_UNLOCK,
    step=Step(2, 4),
    lead=(_say("Jämför med namnet och numret som är tryckta på kortet.", "Check the name and the number printed on your card."),),
    drawing=CardDrawing("Åsa Lindström", "4471 3058", "Region Norrsjö"),
    facts=(
        Fact(_say("HSA-id", "HSA-id"), "SE2321000999-7K2B"),
        Fact(_say("Kortnummer", "Card number"), "9752 2690\n4471 3058"),
        Fact(_say("Tillitsnivå", "Assurance"), "LoA 3"),
        Fact(_say("Giltigt till", "Valid to"), _say("31 mars 2029", "31 March 2029")),
        Fact(_say("Kod", "Code"), _say("Låst", "Locked"), "lock-outline", "bad"),
    ),
    way_out=Button(CANCEL, _say("Nej, avbryt", "No, cancel"), "close"),
    primary=Button("yes", _say("Ja, fortsätt", "Yes, continue"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
PUK = EnterCode(
    name="puk",
    title=_say("Skriv PUK-koden ur kuvertet", "Enter the PUK code from the envelope"),
    errand=_UNLOCK,
    step=Step(3, 4),
    lead=(_say("Åtta siffror. Kontrollera att kuvertet hör till kortet: numret ska sluta på **4471 3058**.", "Eight digits. Check that the envelope is for this card: its number ends in **4471 3058**."),),
    drawing=LetterDrawing(NUMBER),
    min_length=8,
    max_length=8,
    hint=_say("Siffrorna visas inte och sparas inte", "The digits are not shown and not kept"),
    submit=_say("Fortsätt", "Continue"),
    way_out=_CANCEL,
    side=Button("no_envelope", _say("Jag har inget kuvert", "I have no envelope"), "help-circle-outline"),
    needs_card=True,
)  # fmt: skip
NEW_PIN = EnterCode(
    name="new_pin",
    title=_say("Välj en ny kod", "Choose a new code"),
    errand=_UNLOCK,
    step=Step(4, 4),
    lead=(_say("Du använder den både när du loggar in och när du skriver under.", "You will use it both to log in and to sign."),),
    min_length=6,
    max_length=8,
    policy=PinPolicy(6, 8),
    submit=_say("Fortsätt", "Continue"),
    way_out=_BACK,
    needs_card=True,
)  # fmt: skip
CONFIRM = Confirm(
    name="write",
    title=_say("Ska vi skriva den nya koden till kortet?", "Shall we write the new code to the card?"),
    errand=_UNLOCK,
    step=Step(4, 4),
    points=(
        Point(_say("Kortet låses upp", "The card is unlocked"), _say("Du får tre nya försök med koden.", "You get three new tries with the code."), icon="lock-open-variant-outline"),
        Point(_say("Den nya koden gäller direkt", "The new code works right away"), _say("Både för legitimering och underskrift.", "Both to log in and to sign."), icon="form-textbox-password"),
        Point(_say("PUK-koden är densamma", "The PUK code is the same"), _say("Spara kuvertet. Du behöver det nästa gång.", "Keep the envelope. You will need it next time."), icon="email-outline"),
    ),
    facts=(
        Fact(_say("Kort", "Card"), "…4471 3058"),
        Fact(_say("Innehavare", "Holder"), "Åsa Lindström"),
        Fact(_say("Kvittens", "Receipt"), _say("På papper", "On paper")),
    ),
    warning=_say("**Ta inte ut kortet medan vi skriver.** Det tar omkring tio sekunder.", "**Leave the card in while we write.** It takes about ten seconds."),
    way_out=Button("change", _say("Ändra", "Change"), "arrow-left"),
    primary=Button("write", _say("Skriv till kortet", "Write to the card"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
BUSY = Busy(
    name="writing",
    title=_say("Låt kortet sitta kvar", "Leave the card in"),
    errand=_UNLOCK,
    step=Step(4, 4),
    lead=(_say("Vi skriver din nya kod till kortet.", "We are writing your new code to the card."),),
    tasks=(
        Task(_say("PUK-koden är rätt", "The PUK code is right"), "done"),
        Task(_say("Den nya koden skrivs", "The new code is being written"), "now"),
        Task(_say("Kortet provas", "The card is tested"), "later"),
    ),
    seconds=6,
    under=_say("Kortet sitter i läsaren", "The card is in the reader"),
)  # fmt: skip
RECEIPT = Confirm(
    name="receipt",
    title=_say("Signera att du har fått kortet", "Sign that you have the card"),
    errand=_COLLECT,
    step=Step(4, 5),
    lead=(_say("Läs igenom kvittensen. Du signerar med koden till ditt nya kort.", "Read the receipt. You sign with the code of your new card."),),
    note=Note(_say("Signerar du inte inom **fem dagar** spärras kortet. Du kan också signera senare, här eller på datorn.", "If you do not sign within **five days** the card is blocked. You can also sign later, here or on a computer."), kind="clock"),
    receipt=ReceiptPanel(
        _say("Kvittens på utlämnat kort", "Receipt for a card"),
        (
            Fact(_say("Innehavare", "Holder"), "Åsa Lindström"),
            Fact(_say("HSA-id", "HSA-id"), "SE2321000999-7K2B"),
            Fact(_say("Kortnummer", "Card number"), "9752 2690 5082 6134"),
            Fact(_say("Utlämnat", "Handed over"), _say("25 nov 2026 10.46", "25 Nov 2026 10.46")),
            Fact(_say("Av", "By"), "Örjan Nyström"),
        ),
        RECEIPT_QR,
        "7F3A-91C2",
    ),
    way_out=Button("later", _say("Signera senare", "Sign later")),
    primary=Button("sign", _say("Signera med koden", "Sign with the code"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
SUCCESS = Tell(
    name="done",
    title=_say("Klart. Kortet är upplåst.", "Done. Your card is unlocked."),
    errand=_UNLOCK,
    badge="success",
    lead=(
        _say("Din nya kod gäller direkt. Vi har provat den: både legitimering och underskrift fungerar.", "Your new code works right away. We tried it: log in and sign both work."),
        _say("**Spara kuvertet.** PUK-koden är densamma.", "**Keep the envelope.** The PUK code in it is the same as before."),
    ),
    drawing=MachineDrawing(("reader", "printer")),
    drawing_text=_say("Ta ditt kort och din kvittens", "Take your card and receipt"),
    side=Button("phone", _say("Kvittens i mobilen", "Receipt to phone"), "qrcode"),
    primary=Button("finish", _say("Avsluta", "Finish"), "check"),
)  # fmt: skip
WRONG_PUK = Tell(
    name="wrong_puk",
    title=_say("PUK-koden stämde inte", "The PUK code was not right"),
    errand=_UNLOCK,
    step=Step(3, 4),
    badge="warning",
    lead=(_say("Kortet är som det var: låst, men inte förstört. Kontrollera två saker innan du försöker igen.", "Your card is unchanged: locked, but not ruined. Check two things before you try again."),),
    points=(
        Point(_say("Kuvertet hör till kortet: numret slutar på **4471 3058**.", "The envelope is for this card: its number ends in **4471 3058**."), mark="number"),
        Point(_say("Du läser raden **PUK**, inte PIN.", "You read the line **PUK**, not PIN."), mark="number"),
    ),
    tries=Tries(4, 1, _say("Sedan stannar vi, så att kortet inte blir obrukbart. Då hjälper ID-administratören dig.", "Then we stop, so that the card is not ruined. The ID administrator will help you.")),
    way_out=_CANCEL,
    side=Button("order", _say("Beställ nytt kuvert", "Order an envelope")),
    primary=Button("again", _say("Försök igen", "Try again"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
RETURN = Await(
    name="drop",
    title=_say("Lägg kortet i facket som lyser", "Put the card in the lit slot"),
    errand=_say("Lämna kort", "Return card"),
    step=Step(3, 3),
    lead=(_say("Det går inte att ta tillbaka.", "You cannot get it back."),),
    drawing=DropDrawing(),
    way_out=_CANCEL,
    waits_for=_WAITS,
)  # fmt: skip
NO_PAPER = Tell(
    name="no_paper",
    title=_say("Papperet är slut", "Out of paper"),
    errand=_UNLOCK,
    badge="warning",
    badge_icon="printer-alert",
    points=(
        Point(_say("Ditt ärende är klart.", "Your errand is done."), _say("Kortet är upplåst och den nya koden gäller.", "The card is unlocked and the new code works."), "good"),
        Point(_say("Kvittensen är sparad.", "The receipt is saved."), _say("Du får den i mobilen här, eller på papper av ID-administratören.", "Take it on your phone here, or on paper from the ID administrator."), "good"),
        Point(_say("Driften har fått besked och fyller på.", "Operations have been told."), icon="wrench-outline"),
    ),
    receipt=ReceiptPanel(
        _say("Skanna med mobilen", "Scan with your phone"),
        (Fact(_say("Gäller", "Valid"), _say("Gäller i 30 dagar", "Valid for 30 days")),),
        RECEIPT_QR,
        "7F3A-91C2",
    ),
    side=Button("later", _say("Skriv ut senare", "Print later"), "printer-outline"),
    primary=Button("finish", _say("Avsluta", "Finish"), "check"),
)  # fmt: skip
SLOT = Await(
    name="slot",
    title=_say("Ta ditt nya kort ur\u00a0fack\u00a014", "Take your new card from\u00a0slot\u00a014"),
    errand=_COLLECT,
    step=Step(3, 5),
    attended_by="Örjan Nyström",
    lead=(_say("Facket lyser gult och luckan är öppen. Stäng luckan när du har tagit kortet.", "The slot is lit and its door is open. Close the door when you have the card."),),
    facts=(
        Fact(_say("Jämför:", "Compare:"), "Åsa Lindström", "account-check-outline"),
        Fact(_say("Kort", "Card"), "…5082 6134", "smart-card-outline"),
    ),
    note=Note(_say("Luckan ska vara stängd inom **50 sekunder**, annars larmar stationen.", "The door must be closed within **50 seconds**, or the station sounds an alarm."), kind="clock"),
    drawing=CabinetDrawing(24, 14),
    way_out=Button("wrong", _say("Fel kort i facket", "Wrong card in slot"), "alert-outline"),
    primary=Button("taken", _say("Jag har kortet", "I have the card"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
PULLED = Await(
    name="pulled",
    title=_say("Kortet togs ut medan vi skrev", "The card was taken out while we were writing"),
    errand=_UNLOCK,
    step=Step(4, 4),
    badge="failure",
    badge_icon="smart-card-off-outline",
    lead=(
        _say("**Vi vet inte än om din gamla eller nya kod gäller.** Prova ingen kod på datorn.", "**We do not know yet whether your old or your new code applies.** Do not try a code on your computer."),
        _say("Sätt i samma kort igen, så kontrollerar vi. Det kostar inget försök.", "Put the same card back in, and we will check it. No try is used."),
    ),
    drawing=ReaderDrawing(),
    way_out=Button("without", _say("Jag har inte kortet", "I do not have the card"), "help-circle-outline"),
    waits_for=_WAITS,
)  # fmt: skip
PRINTED = EnterDigits(
    name="printed",
    title=_say("Skriv de sista åtta siffrorna på kortet", "Enter the last eight digits on the card"),
    errand=_COLLECT,
    step=Step(3, 5),
    lead=(_say("De står på kortets framsida. Du kan också skanna dem.", "They are on the front of the card. You can also scan them."),),
    length=8,
    submit=_say("Fortsätt", "Continue"),
    hint=_say("Numret är ingen hemlighet", "The number is no secret"),
    way_out=_CANCEL,
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
}

CONTACTS = (
    Fact(_say("Närmaste station", "Nearest station"), _say("Vårdcentralen Björkängen, entré B. Öppen dygnet runt.", "Björkängen health centre, entrance B. Open day and night.")),
    Fact(_say("ID-administratör", "ID administrator"), _say("Plan 2, rum 214. Vardagar 7.30–16.00.\nTelefon 0980-319 240.", "Floor 2, room 214. Weekdays 7.30–16.00.\nPhone 0980-319 240.")),
    Fact(_say("Förlorat kort", "Lost card"), _say("Spärrlinjen 020-32 32 62, när kontoret är stängt.", "Block line 020-32 32 62, when the office is closed.")),
)  # fmt: skip
CLOSED_TITLE = _say("Stationen är stängd", "This station is closed")
CLOSED_LEAD = (
    _say("Kortläsaren svarar inte.", "The card reader does not answer."),
    _say("Driften har fått besked klockan 10.31.", "Operations were told at 10.31."),
    _say("Inget kort sitter kvar i stationen.", "No card is left inside."),
)

"""Sample views that ask: choices, codes, digits, and what is to be confirmed."""

# ruff: noqa: E501 - a sentence and its translation stand side by side

from kiosk.policy import PinPolicy
from kiosk.views import (
    CANCEL,
    Button,
    CardDrawing,
    Choose,
    Confirm,
    EnterCode,
    EnterDigits,
    EnterText,
    Fact,
    LetterDrawing,
    Note,
    Option,
    Point,
    ReceiptPanel,
    Step,
)
from tests.fakes.screens.sample_words import BACK, CANCEL_BUTTON, COLLECT, NUMBER, RECEIPT_QR, UNLOCK, sentence

IDLE = Choose(
    name="home",
    title=sentence("Vad vill du göra?", "What do you want to do?"),
    options=(
        Option("pickup", COLLECT, sentence("Ditt nya kort är här", "Your new card is here"), "door-open"),
        Option("unblock", UNLOCK, sentence("Fel kod tre gånger", "Wrong code three times"), "lock-open-variant-outline"),
        Option("change_pin", sentence("Byt kod", "Change code"), sentence("Du kan din kod", "You know your code"), "form-textbox-password"),
        Option("check_card", sentence("Testa kort", "Test card"), sentence("Hitta felet på kortet", "Find what is wrong"), "stethoscope"),
        Option("return_card", sentence("Lämna kort", "Return card"), sentence("När du slutar", "When you leave"), "inbox-arrow-down-outline"),
        Option("report_lost", sentence("Förlorat kort", "Lost card"), sentence("Spärra det genast", "Block it at once"), "smart-card-off-outline"),
    ),
    layout="tiles",
    aside=(
        sentence("Har du kortet med dig?", "Do you have your card with you?"),
        sentence("Sätt i det, så ser du vad du kan göra.", "Put it in to see what you can do."),
    ),
    footer=(sentence("Spärrlinje när kontoret är stängt", "Block line when the office is closed"), "020-32 32 62"),
    side=Button("more", sentence("Fler ärenden", "More errands"), "chevron-right"),
)  # fmt: skip
IDLE_WITHOUT = Choose(
    name="home.without",
    title=IDLE.title,
    options=(
        Option("pickup", COLLECT, icon="door-open", reason=sentence("Fack 14 är trasigt", "Slot 14 is broken")),
        *IDLE.options[1:],
    ),
    layout="tiles",
    aside=IDLE.aside,
    footer=IDLE.footer,
    side=IDLE.side,
    banner=Note(sentence("Skrivaren saknar papper. Kvittenser visas på skärmen.", "The printer is out of paper. Receipts are shown on screen.")),
)  # fmt: skip
CHOOSE_LIST = Choose(
    name="pickup.how",
    title=sentence("Hur vill du visa vem du är?", "How do you want to show who you are?"),
    errand=COLLECT,
    step=Step(1, 5),
    options=(
        Option("card", sentence("Med mitt gamla kort", "With my old card"), sentence("Det måste gälla, och du behöver koden", "It must be valid, and you need its code"), "smart-card-outline"),
        Option("admin", sentence("Med en ID-administratör", "With an ID administrator"), sentence("Hon eller han är här nu", "She or he is here now"), "account-tie-outline"),
        Option("letter", sentence("Med koden i brevet", "With the code in the letter"), icon="email-outline", reason=sentence("Gäller bara kort med LoA 2", "Only for cards of LoA 2")),
    ),
    way_out=CANCEL_BUTTON,
)  # fmt: skip
FOUND = Confirm(
    name="found",
    title=sentence("Är det här ditt kort?", "Is this your card?"),
    errand=UNLOCK,
    step=Step(2, 4),
    lead=(sentence("Jämför med namnet och numret som är tryckta på kortet.", "Check the name and the number printed on your card."),),
    drawing=CardDrawing("Åsa Lindström", "4471 3058", "Region Norrsjö"),
    facts=(
        Fact(sentence("HSA-id", "HSA-id"), "SE2321000999-7K2B"),
        Fact(sentence("Kortnummer", "Card number"), "9752 2690\n4471 3058"),
        Fact(sentence("Tillitsnivå", "Assurance"), "LoA 3"),
        Fact(sentence("Giltigt till", "Valid to"), sentence("31 mars 2029", "31 March 2029")),
        Fact(sentence("Kod", "Code"), sentence("Låst", "Locked"), "lock-outline", "bad"),
    ),
    way_out=Button(CANCEL, sentence("Nej, avbryt", "No, cancel"), "close"),
    primary=Button("yes", sentence("Ja, fortsätt", "Yes, continue"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
PUK = EnterCode(
    name="puk",
    title=sentence("Skriv PUK-koden ur brevet", "Enter the PUK code from the letter"),
    errand=UNLOCK,
    step=Step(3, 4),
    lead=(sentence("Åtta siffror. Kontrollera att brevet hör till kortet: numret ska sluta på **4471 3058**.", "Eight digits. Check that the letter is for this card: its number ends in **4471 3058**."),),
    drawing=LetterDrawing(NUMBER),
    min_length=8,
    max_length=8,
    hint=sentence("Siffrorna visas inte och sparas inte", "The digits are not shown and not kept"),
    submit=sentence("Fortsätt", "Continue"),
    way_out=CANCEL_BUTTON,
    side=Button("no_envelope", sentence("Jag har inget brev", "I have no letter"), "help-circle-outline"),
    needs_card=True,
)  # fmt: skip
NEW_PIN = EnterCode(
    name="new_pin",
    title=sentence("Välj en ny kod", "Choose a new code"),
    errand=UNLOCK,
    step=Step(4, 4),
    lead=(sentence("Du använder den både när du loggar in och när du skriver under.", "You will use it both to log in and to sign."),),
    min_length=6,
    max_length=8,
    policy=PinPolicy(6, 8),
    submit=sentence("Fortsätt", "Continue"),
    way_out=BACK,
    needs_card=True,
)  # fmt: skip
CONFIRM = Confirm(
    name="write",
    title=sentence("Ska vi skriva den nya koden till kortet?", "Shall we write the new code to the card?"),
    errand=UNLOCK,
    step=Step(4, 4),
    points=(
        Point(sentence("Kortet låses upp", "The card is unlocked"), sentence("Du får tre nya försök med koden.", "You get three new tries with the code."), icon="lock-open-variant-outline"),
        Point(sentence("Den nya koden gäller direkt", "The new code works right away"), sentence("Både för legitimering och underskrift.", "Both to log in and to sign."), icon="form-textbox-password"),
        Point(sentence("PUK-koden är densamma", "The PUK code is the same"), sentence("Spara brevet. Du behöver det nästa gång.", "Keep the letter. You will need it next time."), icon="email-outline"),
    ),
    facts=(
        Fact(sentence("Kort", "Card"), "…4471 3058"),
        Fact(sentence("Innehavare", "Holder"), "Åsa Lindström"),
        Fact(sentence("Kvittens", "Receipt"), sentence("På papper", "On paper")),
    ),
    warning=sentence("**Ta inte ut kortet medan vi skriver.** Det tar omkring tio sekunder.", "**Leave the card in while we write.** It takes about ten seconds."),
    way_out=Button("change", sentence("Ändra", "Change"), "arrow-left"),
    primary=Button("write", sentence("Skriv till kortet", "Write to the card"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
RECEIPT = Confirm(
    name="receipt",
    title=sentence("Signera att du har fått kortet", "Sign that you have the card"),
    errand=COLLECT,
    step=Step(4, 5),
    lead=(sentence("Läs igenom kvittensen. Du signerar med koden till ditt nya kort.", "Read the receipt. You sign with the code of your new card."),),
    note=Note(sentence("Signerar du inte inom **fem dagar** spärras kortet. Du kan också signera senare, här eller på datorn.", "If you do not sign within **five days** the card is blocked. You can also sign later, here or on a computer."), kind="clock"),
    receipt=ReceiptPanel(
        sentence("Kvittens på utlämnat kort", "Receipt for a card"),
        (
            Fact(sentence("Innehavare", "Holder"), "Åsa Lindström"),
            Fact(sentence("HSA-id", "HSA-id"), "SE2321000999-7K2B"),
            Fact(sentence("Kortnummer", "Card number"), "9752 2690 5082 6134"),
            Fact(sentence("Utlämnat", "Handed over"), sentence("25 nov 2026 10.46", "25 Nov 2026 10.46")),
            Fact(sentence("Av", "By"), "Örjan Nyström"),
        ),
        RECEIPT_QR,
        "7F3A-91C2",
    ),
    way_out=Button("later", sentence("Signera senare", "Sign later")),
    primary=Button("sign", sentence("Signera med koden", "Sign with the code"), "arrow-right"),
    needs_card=True,
)  # fmt: skip
PRINTED = EnterDigits(
    name="printed",
    title=sentence("Skriv de sista åtta siffrorna på kortet", "Enter the last eight digits on the card"),
    errand=COLLECT,
    step=Step(3, 5),
    lead=(sentence("De står på kortets framsida. Du kan också skanna dem.", "They are on the front of the card. You can also scan them."),),
    length=8,
    submit=sentence("Fortsätt", "Continue"),
    hint=sentence("Numret är ingen hemlighet", "The number is no secret"),
    way_out=CANCEL_BUTTON,
)  # fmt: skip
CLAIM = EnterText(
    name="claim",
    title=sentence("Skriv koden", "Type the code"),
    errand=COLLECT,
    step=Step(3, 6),
    lead=(sentence("Den står på sidan Nya stationer. Den gäller ett dygn.", "It is on the page New stations. It is good for a day."),),
    keyboard="code",
    at_least=20,
    at_most=20,
    submit=sentence("Fortsätt", "Continue"),
    way_out=BACK,
)  # fmt: skip
SERVER = EnterText(
    name="server",
    title=sentence("Skriv serverns adress", "Type the server's address"),
    errand=COLLECT,
    step=Step(3, 6),
    lead=(sentence("Du kan också skanna QR-koden på sidan Nya stationer.", "You can also scan the QR code on the page New stations."),),
    keyboard="host",
    at_most=200,
    text="fleet.example",
    scans=True,
    hint=sentence("Till exempel fleet.example:8443", "For example fleet.example:8443"),
    submit=sentence("Fortsätt", "Continue"),
    way_out=CANCEL_BUTTON,
)  # fmt: skip

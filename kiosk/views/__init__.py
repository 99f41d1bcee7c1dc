"""View models: what is asked, as values. A view says everything that is shown, spoken and typed, and holds no pixel.

Screens draw views, `walk` prints them, tests answer them; none of them knows the journey. Texts are keys with arguments
(`Say`), so the language may change at any moment. The shapes are few: `Choose`, `ClosedHome`, `Checklist`, `Await`,
`EnterCode`, `EnterDigits`, `EnterText`, `Confirm` (also a receipt), `Tell`, `Board` for the administrator, and `Busy` while a
step that cannot be undone runs.

>>> from kiosk.views import Confirm, Button, say
>>> view = Confirm(name="pickup.write", title=say("write.title"), primary=Button("write", say("write.go")))
>>> view.name, view.needs_card
('pickup.write', False)
"""

from kiosk.views.board import Board, BoardPart, BoardSlot
from kiosk.views.drawings import (
    AboutDrawing,
    CabinetDrawing,
    CardDrawing,
    ChallengeDrawing,
    CodeKeysDrawing,
    Drawing,
    DropDrawing,
    LetterDrawing,
    LetterPageDrawing,
    MachineDrawing,
    NumberDrawing,
    ProductCodeDrawing,
    ReaderDrawing,
    RestingDrawing,
)
from kiosk.views.parts import (
    CANCEL,
    Button,
    Fact,
    Local,
    Note,
    Option,
    PersonName,
    Point,
    Say,
    Step,
    Task,
    Tries,
    WhoHelps,
    local,
    say,
)
from kiosk.views.shapes import (
    DIGITS,
    Await,
    Busy,
    Checklist,
    Choose,
    ClosedHome,
    Confirm,
    EnterCode,
    EnterDigits,
    EnterText,
    KeyboardName,
    ReceiptPanel,
    Tell,
    View,
)

__all__ = [
    "CANCEL",
    "DIGITS",
    "AboutDrawing",
    "Await",
    "Board",
    "BoardPart",
    "BoardSlot",
    "Busy",
    "Button",
    "CabinetDrawing",
    "CardDrawing",
    "ChallengeDrawing",
    "Checklist",
    "Choose",
    "ClosedHome",
    "CodeKeysDrawing",
    "Confirm",
    "Drawing",
    "DropDrawing",
    "EnterCode",
    "EnterDigits",
    "EnterText",
    "Fact",
    "KeyboardName",
    "LetterDrawing",
    "LetterPageDrawing",
    "Local",
    "MachineDrawing",
    "Note",
    "NumberDrawing",
    "Option",
    "PersonName",
    "Point",
    "ProductCodeDrawing",
    "ReaderDrawing",
    "ReceiptPanel",
    "RestingDrawing",
    "Say",
    "Step",
    "Task",
    "Tell",
    "Tries",
    "View",
    "WhoHelps",
    "local",
    "say",
]

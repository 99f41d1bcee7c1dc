"""Language packs: a language of the screens as one folder, with its texts, voice, direction and plural forms.

    fi/pack.toml     voice = "fi", direction = "ltr"
    fi/*.po          every text of the station, in any number of gettext catalogues

Rules:
- A pack has every key, and no other; a text takes no argument that the Swedish one does not take.
- A text that nobody has reviewed is marked `fuzzy`, as in gettext: the screen names it so, and shows it on no page where a code
  is written.
- Where a number decides the form, `msgid_plural` names the argument that has it, and `Plural-Forms` of the catalogue's head
  says which form goes with which number.
- Every letter is one that the fonts draw.
- Swedish and English are reviewed, and lie with what says them.
"""

import gettext
import string
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

PACK_FILE = "pack.toml"
Direction = Literal["ltr", "rtl"]
MOST_SHOWN = 5
"""So many faults are named; the rest is counted."""


FONTS = Path(__file__).parents[1] / "screens" / "assets"
_LOOK_PX, _NO_LETTER = 24, "\U0010fffe"
"""Unicode has no such letter: a font draws its box for it."""


def undrawn(letters: str) -> str:
    """Return the letters that some font of text has no glyph for, in order.

    >>> undrawn("åŋđ שΩ")
    'Ωש'
    """
    from PIL import ImageFont  # only where there is a language pack

    missing: set[str] = set()
    for file in sorted(FONTS.glob("Inter*.otf")):
        font = ImageFont.truetype(str(file), _LOOK_PX)
        drawn = {
            letter: (mask.size, bytes(mask)) for letter in {*letters, _NO_LETTER} for mask in [font.getmask(letter)]
        }
        missing |= {letter for letter in letters if drawn[letter] == drawn[_NO_LETTER]}
    return "".join(sorted(missing))


class LanguagePackError(ValueError):
    """A folder is no usable pack. `faults` has all that is wrong, a line each."""

    def __init__(self, folder: Path, faults: list[str]) -> None:
        more = f", and {len(faults) - MOST_SHOWN} more" if len(faults) > MOST_SHOWN else ""
        super().__init__(f"{folder}: {'; '.join(faults[:MOST_SHOWN])}{more}")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Plural:
    """The forms of a text, and how a number chooses among them."""

    argument: str
    forms: tuple[str, ...]
    form_of: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class LanguagePack:
    """The data of a language beside its texts. `voice` is the speech synthesizer's name for it."""

    voice: str
    direction: Direction = "ltr"
    unreviewed: frozenset[str] = frozenset()
    plurals: Mapping[str, Plural] = field(default_factory=dict)


def read_language_pack(folder: Path, model: Mapping[str, str]) -> tuple[LanguagePack, dict[str, str]]:
    """The pack of a folder and its texts by key. `model` has every key, with a text whose arguments it may take.

    Raises LanguagePackError.
    """
    head, faults = _head(folder)
    texts: dict[str, str] = {}
    plurals: dict[str, Plural] = {}
    unreviewed = set[str]()
    for path in sorted(folder.glob("*.po")):
        for catalog, message in _messages(path, faults):
            key, forms = _key_and_forms(message)
            if not all(forms):
                continue
            faults += _faults_of(key, forms, message, model, is_repeated=key in texts)
            texts[key] = forms[-1]
            if message.pluralizable:
                plurals[key] = Plural(str(message.id[1]), forms, _form_of(catalog))
            if message.fuzzy:
                unreviewed.add(key)
    faults += [f"{key}: no text" for key in sorted(model.keys() - texts.keys())]
    faults += _letters(texts, plurals)
    if faults:
        raise LanguagePackError(folder, faults)
    return LanguagePack(head["voice"], cast(Direction, head["direction"]), frozenset(unreviewed), plurals), texts


def _head(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Voice and direction, and what is wrong with them."""
    try:
        head = tomllib.loads((folder / PACK_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LanguagePackError(folder, [f"{PACK_FILE}: {error}"]) from None
    faults = [f"{PACK_FILE}: {name} means nothing" for name in sorted(head.keys() - {"voice", "direction"})]
    voice, direction = head.get("voice"), head.get("direction", "ltr")
    if not isinstance(voice, str) or not voice.replace("-", "").isalnum():
        faults.append(f"{PACK_FILE}: voice is the speech synthesizer's name of the language, such as fi")
    if direction not in ("ltr", "rtl"):
        faults.append(f"{PACK_FILE}: direction is ltr or rtl")
    return {"voice": str(voice), "direction": str(direction)}, faults


def _messages(path: Path, faults: list[str]) -> Iterator[tuple[Catalog, Message]]:
    try:
        with path.open("rb") as file:
            catalog = read_po(file, abort_invalid=True)
            yield from ((catalog, message) for message in catalog if message.id)
    except (OSError, ValueError, PoFileError) as error:
        faults.append(f"{path.name}: {error}")


def _key_and_forms(message: Message) -> tuple[str, tuple[str, ...]]:
    if message.pluralizable:
        return str(message.id[0]), tuple(str(form) for form in message.string or ())
    return str(message.id), (str(message.string),)


def _form_of(catalog: Catalog) -> Callable[[int], int]:
    return gettext.c2py(catalog.plural_expr)


def _faults_of(
    key: str, forms: tuple[str, ...], message: Message, model: Mapping[str, str], *, is_repeated: bool
) -> Iterator[str]:
    if key not in model:
        yield f"{key}: no such text"
        return
    if is_repeated:
        yield f"{key}: stands twice"
    takes = set(arguments(model[key]))
    if message.pluralizable and message.id[1] not in takes:
        yield f"{key}: msgid_plural names no argument of the text"
    for form in forms:
        if foreign := sorted(set(arguments(form)) - takes):
            yield f"{key}: takes {', '.join(foreign)}, which is not given"
        if form.count("**") % 2:
            yield f"{key}: ** opens and does not close"


def _letters(texts: Mapping[str, str], plurals: Mapping[str, Plural]) -> Iterator[str]:
    """Texts that would have empty boxes."""
    drawn = {key: "".join(plurals[key].forms) if key in plurals else text for key, text in texts.items()}
    missing = set(undrawn("".join(set().union(*drawn.values()))))
    for key, text in drawn.items():
        if letters := missing & set(text):
            yield f"{key}: no font draws {' '.join(sorted(letters))}"


def arguments(text: str) -> Iterable[str]:
    """The names in braces; a text whose braces are not paired has the odd name `{`."""
    try:
        return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        return ["{"]

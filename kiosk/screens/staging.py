"""Stage manager: puts views, overlays and the frame on the window; rebuilds them for another language, theme or text size.

Frame rate: a station stands idle all night, and each look costs. Under a desktop a finger is down for a tenth of a second and
more, so the first look finds it in time, and the next ones are frequent before it is let go. Without one a touch wakes the
loop.

    pace = FrameRate()
    pace.wake()         # a touch, a key, another screen

Garbage collection: the toolkit's widgets hold each other in rings, so only the collector frees them. Left alone it works in the
middle of building, and looks through every module each time: that took two thirds of a change of the screen.

    tidying = Tidying()
    tidying.soon()          # after each change
"""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kivy.base import EventLoop
from kivy.clock import Clock
from kivy.clock import Clock as KivyClock
from kivy.lang import Builder

from drivers.keypad.grabbed_keypad import Key
from drivers.scanner.wedge import Wedge
from drivers.speech.port import STEPS, USUAL, Manner, Phrase, Speech
from kiosk.barcodes import parse_scan
from kiosk.screens import fonts
from kiosk.screens import kivy_environment as env
from kiosk.screens.busy import BusyShape
from kiosk.screens.closed import ClosedScreen, OutOfOrder
from kiosk.screens.enter_digits import EnterDigitsShape
from kiosk.screens.enter_text import EnterTextShape
from kiosk.screens.entry_shape import EntryShape
from kiosk.screens.focus import PAD, focus_order, focus_text, next_focus
from kiosk.screens.frame import Frame, StripStatus
from kiosk.screens.help import CLOSE, LOW, WHOLE, HelpPage, HelpShape
from kiosk.screens.keypad import key_of
from kiosk.screens.layers import Layers
from kiosk.screens.listening import Listening
from kiosk.screens.listening_panel import FASTER, LOUDER, QUIETER, SLOWER, ListeningControls
from kiosk.screens.motion import Motion
from kiosk.screens.overlays import MORE, TimeoutShape
from kiosk.screens.rail import Rail
from kiosk.screens.screen_state import ScreenState
from kiosk.screens.shape import Shape
from kiosk.screens.shapes import entry_of, shape_of
from kiosk.screens.speech import (
    Sentence,
    choice_digits,
    choice_of,
    closed_phrases,
    help_phrases,
    phrase_of,
    timeout_phrases,
    view_phrases,
)
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Board, Button, Checklist, Choose, EnterCode, RestingDrawing, View, say

COUNT_S = 0.25
MINUTE_CHECK_S = 2.0
ENDS = (9, 13, 271)
"""Keys that a scanner may end with: Tab, Enter, the number pad's Enter."""


LIVELY_PER_S = 90
LIVELY_S = 1.0
"""Longer than a fade, and than a finger stays down."""


AFTER_S = 0.1
"""The new picture is drawn by then, and touches do not count yet (`layers.GUARD_S`)."""
THRESHOLDS = (50_000, 20, 50)
"""More objects than one screen makes: the collector comes by itself only where nothing changes on the screen for long."""


class GarbageCollector:
    """The collector of this process, which works when it is told."""

    def __init__(self) -> None:
        gc.set_threshold(*THRESHOLDS)
        self._settled = False
        self._soon = Clock.create_trigger(lambda passed: self._tidy(), AFTER_S)

    def soon(self) -> None:
        self._soon()

    def _tidy(self) -> None:
        gc.collect()
        if not self._settled:
            self._settled = True
            gc.freeze()  # modules and styles stay for good, and are not looked through again


class FrameRate:
    """The frames in a second of this process. Kivy reads its own number anew before each frame."""

    def __init__(self) -> None:
        self._calm = Clock.create_trigger(lambda passed: self._set(env.looks_per_s()), LIVELY_S)

    def wake(self) -> None:
        """Be quick for a while, from now on where the clock can be woken."""
        self._calm.cancel()
        self._calm()
        self._set(LIVELY_PER_S)
        Clock.schedule_once(lambda passed: None)

    @staticmethod
    def _set(frames: float) -> None:
        Clock._max_fps = frames


@dataclass
class TimeoutWarning:
    """A time-out that is running over a view."""

    view: View[Any]
    answer: "asyncio.Future[bool]"
    left: Callable[[], float]
    whole: float


@dataclass(frozen=True)
class Voice:
    """Speech that Listen uses. `on_fault` is told why nothing is heard; `is_there`: whether there is a sound card now."""

    speech: Speech
    manner: Manner = USUAL
    on_fault: Callable[[str], None] = lambda text: None
    is_there: Callable[[], bool] = lambda: True


class Staging:
    """Stage manager: the window's layers and what is on them."""

    def __init__(
        self, window: Any, state: ScreenState, notice: Callable[[], None], *, keys: bool, voice: Voice | None
    ) -> None:
        """`keys`: the window's own keys type. Without, each is taken and forgotten, so that Kivy does nothing with it either."""
        fonts.register()
        self.listening = (
            Listening(voice.speech, self._phrases, voice.manner, voice.on_fault, self._show_listening)
            if voice
            else None
        )
        self._can_speak = voice.is_there if voice else lambda: False
        self._hears = False
        self.state, self._window, self._on_touch = state, window, notice
        fade = not (state.still or env.draws_in_software())
        self.layers = Layers(window.size, fade=fade, notice=self._touched)
        self._pace = FrameRate()
        self.motion = Motion(on=not state.still)
        self._tidying = GarbageCollector()
        self.view: View[Any] | None = None
        self._answer: Callable[[Any], None] = lambda value: None
        self._help = False
        self._warning: TimeoutWarning | None = None
        self._closed: OutOfOrder | None = None
        self.shape: Shape | None = None
        self._rails: dict[object, Rail] = {}
        self._frame: Frame | None = None
        self._time = state.time
        self._wedge, self._typed_before = Wedge(), 0
        self.focus: str | None = None
        self._by_keys = False
        self._listening_drawn: tuple[object, ...] = ()
        window.add_widget(self.layers)
        if keys:
            window.bind(on_key_down=self._on_key, on_textinput=self._on_text)
        else:
            window.bind(on_key_down=lambda *_: True, on_key_up=lambda *_: True)
        KivyClock.schedule_interval(self._on_interval, MINUTE_CHECK_S)

    def wake(self) -> None:
        """A touch is on its way: look at once."""
        self._pace.wake()

    def _touched(self) -> None:
        """A finger needs no ring, and no digits."""
        self._leave_keys()
        self._notice()

    def _leave_keys(self) -> None:
        if self._by_keys:
            self._by_keys, self.focus = False, None
            self.layers.mark(None, {}, self._theme)
            self._show_listening()

    def _notice(self) -> None:
        """Report a touch or a key, which ends what is said."""
        if self.listening:
            self.listening.hush()
        self._pace.wake()
        self.motion.wake()
        self._on_touch()

    # the question

    def ask(self, view: View[Any], answer: Callable[[Any], None]) -> None:
        """Show a view; `answer` is told once or more what was chosen."""
        self.view, self._answer = view, answer
        self._wedge = Wedge()
        self._end_help()
        if self.listening:
            self.listening.forget()
        self._draw(guard=True)
        self._stands_anew()

    def withdraw(self) -> None:
        """The question was answered or taken back: forget what was typed; the picture stays until the next."""
        self._answer = lambda value: None
        if self.shape:
            self.shape.wipe()
        self._end_help()
        if self.listening:
            self.listening.hush()

    def scan(self, text: str) -> None:
        """A scanner has read something: it counts where it can be an answer and nothing lies over the question."""
        self._notice()
        if self.layers.uppermost is not self._frame:
            return
        if isinstance(self.shape, EnterDigitsShape):
            plain = self.shape.view.hexadecimal  # no card number, whose check digit would have to fit
            refusal = self.shape.on_scan(parse_scan(text.upper()) if plain else self.state.read_scan(text))
            if refusal is not None:
                self._announce(refusal)
        elif isinstance(self.shape, EnterTextShape):
            self.shape.on_scan(text)

    def press(self, key: Key) -> None:
        """A listed keypad's key. Digits count where the question is uppermost; one picks a choice, unless the question is so new
        that it was meant for the one before."""
        self._notice()
        self._by_keys = True
        self._show_listening()
        match key:
            case "up" | "down":
                self._move_focus(1 if key == "down" else -1)
            case "help":
                self._toggle_help()
            case "back":
                self._go_back()
            case "enter" if self.focus is not None:
                self._select(self.focus)
            case "audio" | "volume" | "rate" | "plugged" | "unplugged":
                self._hear(key)
            case _ if self.shape and self.layers.uppermost is self._frame:
                self._type(self.shape, key)
        self._set_focus(self.focus)

    def _select(self, target: str) -> None:
        """As a touch on it; what has changed with no other view is said."""
        if self.layers.activate(target):
            if target.startswith(PAD):
                self._announce_typed()
            elif self._switched(target):
                self._announce_focus(target)

    def _type(self, shape: Shape, key: Key) -> None:
        self._set_focus(None)
        if not isinstance(self.view, Choose):
            why = shape.why_no_answer() if isinstance(shape, EntryShape) and key == "enter" else ()
            shape.press(key)
            if why:
                self._announce(*why)
            elif entry_of(shape) is not None and key != "enter":
                self._announce_typed()
        elif not self.layers.quiet_s and (choice := choice_of(self.view, key)):
            self._answer(choice)

    def _announce_typed(self) -> None:
        """Announce how much is typed, never what."""
        signs = isinstance(self.shape, EnterTextShape)
        self._announce(say("listen.typed_signs" if signs else "listen.typed", count=self.typed()))

    def _move_focus(self, by: int) -> None:
        """Give the focus to the next target, or the one before, and say what it is."""
        if self.view is None:
            return
        self.focus = next_focus(focus_order(self.view, self.layers.targets()), self.focus, by)
        if self.focus is not None:
            self._announce_focus(self.focus)

    def _announce_focus(self, target: str) -> None:
        """Announce the focused target, and of a switch whether it is on."""
        if self.view is not None:
            self._announce(focus_text(self.view, target, self._words, self.state.words.other), *self._switched(target))

    def _switched(self, target: str) -> tuple[Sentence, ...]:
        on = {"rail:larger": self.state.large, "rail:contrast": self.state.colours == "hc"}.get(target)
        return () if on is None else (say("listen.on" if on else "listen.off"),)

    def _set_focus(self, target: str | None) -> None:
        """Draw the ring around it, or none where it is gone; and the digits, where keys are used."""
        if target is None and self.focus is None and not self._by_keys:
            return
        self.focus = target if target in self.layers.targets() else None
        digits = choice_digits(self.view) if self._by_keys and isinstance(self.view, Choose) else {}
        self.layers.mark(self.focus, digits if self.layers.uppermost is self._frame else {}, self._theme)

    def _go_back(self) -> None:
        """Out of the help, on with a question that is about to end, or the view's way out."""
        way_out = self.view.way_out.value if self.view and self.view.way_out else CLOSE
        self.layers.activate(next((name for name in (CLOSE, MORE) if name in self.layers.targets()), way_out))

    def _hear(self, key: Key) -> None:
        listening = self.listening
        if listening is None:
            return
        match key:
            case "audio":
                listening.press(follow=True)
            case "volume":
                self._set_manner(listening.manner.louder())
            case "rate":
                self._set_manner(listening.manner.faster())
            case _:
                listening.plug(key == "plugged")

    def _set_manner(self, manner: Manner) -> None:
        """Set the manner of speech from here on, and announce what has changed."""
        if self.listening:
            volume, self.listening.manner = self.listening.manner.volume, manner
            changed = manner.volume != volume
            self._announce(
                say("listen.volume", step=manner.volume, of=STEPS) if changed else say(f"listen.rate.{manner.rate}")
            )
            self._show_listening()

    def _turn(self, target: str) -> None:
        """A button of the panel of whoever listens."""
        if self.listening:
            manner = self.listening.manner
            turned = {
                QUIETER: manner.turned(volume=-1), LOUDER: manner.turned(volume=1),
                SLOWER: manner.turned(rate=-1), FASTER: manner.turned(rate=1),
            }[target]  # fmt: skip
            if turned != manner:
                self._set_manner(turned)

    def _announce(self, *texts: Sentence) -> None:
        words = self._words
        if self.listening:
            self.listening.announce(
                lambda private: [
                    Phrase(sentence, words.voice)
                    for text in texts
                    for sentence in phrase_of(text, words, private=private)
                ]
            )

    @property
    def accessible(self) -> bool:
        """True while somebody listens, uses keys, or has chosen another look than the station's own."""
        state, listening = self.state, self.listening
        chosen = state.large or state.low or (state.colours == "hc" and state.own != "hc")
        return self._by_keys or chosen or (listening is not None and listening.listens)

    def typed(self) -> int:
        """Return the number of typed digits."""
        entry = entry_of(self.shape) if self.shape else None
        return len(entry) if entry else 0

    # over the question

    def warn(self, warning: TimeoutWarning) -> None:
        """Lay the time-out over what is shown."""
        self._end_help()
        self._warning = warning
        self._draw_over(guard=True)
        self._count = KivyClock.schedule_interval(self._counted, COUNT_S)
        self._stands_anew()

    def end_warning(self) -> None:
        """Remove the time-out from the screen."""
        self._count.cancel()
        self._warning = None
        self.layers.set_overlay(None)
        self._stands_anew()

    def set_closed(self, closed: OutOfOrder | None) -> None:
        """The whole screen says that the station is closed."""
        self._closed = closed
        state = self.state
        theme = replace(state.whole_theme, rtl=self._theme.rtl)
        self.layers.set_closed(ClosedScreen(closed, self._words, theme=theme) if closed else None)
        self._stands_anew()

    # listening

    def forget_person(self) -> None:
        """Forget the person who listened or used keys and has left."""
        self._leave_keys()
        if self.listening:
            self.listening.end()

    def _stands_anew(self) -> None:
        """Something else is uppermost: nothing of it has the focus, and it is said to headphones."""
        self._set_focus(None)
        self._pace.wake()
        if self.listening:
            self.listening.begin()

    def _show_listening(self) -> None:
        """Another sentence is said, or somebody began or ended to listen: the caption, the rail and the panel say so."""
        if self.listening is None or self.view is None:
            return
        if self._listening_looks() != self._listening_drawn:
            self.rebuild()
        elif isinstance(frame := self.layers.uppermost, Frame):
            frame.set_caption(*self.listening.caption)
            self._pace.wake()

    def _listening_looks(self) -> tuple[object, ...]:
        """Return what the picture shows of listening, the caption aside."""
        listening = self.listening
        return (listening.listens, listening.manner, self._by_keys) if listening and listening.listens else ()

    def _phrases(self, private: bool) -> tuple[Phrase, ...]:
        """Return the content of the uppermost layer, in sentences."""
        state, words = self.state, self._words
        if self._closed:
            phrases = closed_phrases((self._closed.title, *self._closed.lead), self._closed.contacts, words)
        elif self._warning:
            phrases = timeout_phrases(max(0, round(self._warning.left())), state.card_in, words)
        elif self._help:
            phrases = help_phrases(self.view, state.contacts(), words) if self.view else ()
        else:
            phrases = view_phrases(self.view, words, private=private) if self.view else ()
        return tuple(Phrase(text, words.voice) for text in phrases)

    # drawing

    def show_now(self) -> None:
        """Draw what has changed at once instead of with the next frame."""
        if EventLoop.status == "started":
            KivyClock.tick_draw()
            Builder.sync()
            self._window.dispatch("on_draw")
            self._window.dispatch("on_flip")
            self.layers.seen()

    def rebuild(self) -> None:
        """Everything anew in the language, theme and text size of the moment; what is typed is taken over."""
        self._window.clearcolor = self._theme.colours.paper
        if self.view is not None:
            self._draw(guard=False)
        if self._warning or self._help:
            self._draw_over(guard=False)
        if self._closed:
            self.set_closed(self._closed)
        self._set_focus(self.focus)

    def renew_status(self) -> None:
        if self._frame and self.view:
            self._frame.set_status(self._status(self.view))
            self._pace.wake()

    def _draw(self, guard: bool) -> None:
        assert self.view is not None
        old = self.shape
        entry = None if guard or old is None else entry_of(old)
        listening, self._listening_drawn = self.listening, self._listening_looks()
        controls = (
            ListeningControls(listening.manner, self._turn, self._by_keys) if listening and listening.listens else None
        )
        shape = shape_of(self.view, self._words, self._theme, self._on_answer, entry, controls)
        if old is not None and entry is None:
            old.wipe()
        if isinstance(old, BusyShape):
            old.wipe()
        self.shape = shape
        self._frame = self._build_frame(shape, self.view, self._rail_below(), bare=not self.layers.fade)
        self.layers.set_mirrored(self._theme.rtl)
        self.layers.set_base(self._frame, guard)
        self.motion.watch(self._frame)
        self._tidying.soon()
        self._pace.wake()
        if isinstance(shape, BusyShape):
            shape.start(old.left if isinstance(old, BusyShape) and not guard else None)

    def _draw_over(self, guard: bool) -> None:
        state, view = self.state, self._warning.view if self._warning else self.view
        assert view is not None
        if self._warning:
            self._over: Shape = TimeoutShape(view, self._words, self._theme, self._on_warning_answer, state.card_in)
        else:
            page = HelpPage(state.contacts(), state.help_link, view.side, self._reach_button())
            self._over = HelpShape(view, self._words, self._theme, self._on_help_answer, page)
        rail = self._make_rail(helps=isinstance(self._over, HelpShape))
        self.layers.set_overlay(self._build_frame(self._over, view, rail), guard)
        self._counted(0.0)

    @property
    def _theme(self) -> Theme:
        """Sizes and colours, and the way in which what stands on the screen is read."""
        rtl = self.state.texts.pack(self._words.language).direction == "rtl"
        return replace(self.state.theme, rtl=rtl)

    @property
    def _words(self) -> ScreenTexts:
        """The texts of what stands on the screen."""
        return self.state.words_for(self._warning.view if self._warning else self.view)

    def _reach_button(self) -> Button | None:
        if not self.state.can_be_low:
            return None
        if self.state.low:
            return Button(WHOLE, say("help.whole"), "arrow-up")
        return Button(LOW, say("help.low"), "arrow-down")

    def _build_frame(self, shape: Shape, view: View[Any], rail: Rail, bare: bool = False) -> Frame:
        frame = Frame(shape, self._status(view), self._words, rail, theme=self._theme, bare=bare)
        if self.listening and self.listening.listens:
            frame.set_caption(*self.listening.caption)
        return frame

    def _rail_below(self) -> Rail:
        """The rail of the question. Where changes cut it goes from screen to screen: it is a third of one."""
        if self.layers.fade:
            return self._make_rail()
        state = self.state
        self._hears = self._can_speak()
        on = bool(self._listening_drawn), self._hears
        looks = self._words.language, state.language, state.colours, state.large, state.low, *on
        rail = self._rails.get(looks)
        if rail is None:
            rail = self._rails[looks] = self._make_rail()
        if rail.parent is not None:
            rail.parent.remove_widget(rail)
        return rail

    def _make_rail(self, helps: bool = False) -> Rail:
        state = self.state
        on = {
            "larger": state.large, "contrast": state.colours == "hc", "help": helps, "listen": bool(self._listening_drawn),
        }  # fmt: skip
        names = frozenset(name for name, is_on in on.items() if is_on)
        return Rail(self._words, state.words.other, names, self._rail, theme=self._theme, hears=self._hears)

    def _status(self, view: View[Any]) -> StripStatus:
        state = self.state
        errand = self._words(view.errand or state.place)
        ends = self._words(view.until) if isinstance(view, Board) and view.until else ""
        return StripStatus(
            errand, view.step, state.time, self._card_in(view), self._attended(view), ends, self._unreviewed(view)
        )

    def _unreviewed(self, view: View[Any]) -> str:
        """Return a notice that nobody has reviewed the translation, in words that somebody has."""
        if not self.state.words.has_unreviewed(view):
            return ""
        return ScreenTexts(self.state.texts, self.state.own_language).frame("frame.unreviewed")

    def _card_in(self, view: View[Any]) -> str:
        if not self.state.card_in:
            return ""
        both = isinstance(view.drawing, RestingDrawing) and len(view.drawing.readers) > 1
        return self._words.frame("frame.cards_in" if both else "frame.card_in")

    def _attended(self, view: View[Any]) -> str:
        if not view.attended_by:
            return ""
        match view:
            case Checklist():
                key = "frame.checking"
            case EnterCode():
                key = "frame.checked"
            case _:
                key = "frame.attended"
        return self._words.frame(key, name=view.attended_by)

    # what people do

    def _on_answer(self, value: Any) -> None:
        self._answer(value)

    def _on_warning_answer(self, more: bool) -> None:
        if self._warning and not self._warning.answer.done():
            self._warning.answer.set_result(more)

    def _on_help_answer(self, value: str) -> None:
        self._end_help()
        if value in (LOW, WHOLE):
            self.state.low = value == LOW
            self.rebuild()
        elif value != CLOSE:
            self._answer(value)

    def _end_help(self) -> None:
        if self._help:
            self._help = False
            self.layers.set_overlay(None)
            self._stands_anew()

    def _rail(self, name: str) -> None:
        state = self.state
        match name:
            case "language":
                state.language = state.words.other.language
                self._stands_anew()
            case "larger":
                state.large = not state.large
            case "contrast":
                state.toggle_contrast()
            case "listen":
                if self.listening:
                    self.listening.press()
                return
            case "help":
                self._toggle_help()
                return
        self.rebuild()

    def _toggle_help(self) -> None:
        if self._help:
            self._end_help()
        elif not self._warning and self.view is not None:
            self._help = True
            self._draw_over(guard=True)
            self._stands_anew()

    def _on_key(self, window: Any, code: int, scancode: int, text: str | None, modifiers: list[str]) -> bool:
        self._notice()
        now = self.state.clock.monotonic()
        if code in ENDS and (scan := self._wedge.end(now)):
            self._take_back_scan()
            self.scan(scan.text)
            return True
        if self._wedge.begins(now):
            self._typed_before = self.typed()
        key = key_of(code, text or "")
        if key in ("erase", "clear"):
            self._wedge = Wedge()  # no scanner goes back
        if key and self.shape and self.layers.uppermost is self._frame and not {"ctrl", "alt", "meta"} & set(modifiers):
            self.shape.press(key)
        return True

    def _on_text(self, window: Any, text: str) -> None:
        """Feed typed text to the wedge alone: a scan has letters and signs too. It comes after the key itself."""
        for char in text:
            self._wedge.feed(char, self.state.clock.monotonic())

    def _take_back_scan(self) -> None:
        """Erase what a scanner has typed: it is no answer, least of all a code."""
        while self.shape and self.typed() > self._typed_before:
            self.shape.press("erase")

    def _counted(self, passed: float) -> None:
        if self._warning and isinstance(self._over, TimeoutShape):
            self._over.count(self._warning.left(), self._warning.whole)

    def _on_interval(self, passed: float) -> None:
        if self.state.time != self._time:
            self._time = self.state.time
            self.renew_status()
        if self._can_speak() != self._hears:
            self.rebuild()

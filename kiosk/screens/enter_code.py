"""Screen of `EnterCode`: a PIN or PUK as dots; with a policy its rules are judged while typing."""

from typing import Any

from drivers.reader.secret import Secret
from kiosk.policy import Judged, PinPolicy
from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.digit_pad import DigitPadShape
from kiosk.screens.drawings.figure import letter
from kiosk.screens.layout import Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.panels import rule, tries_row
from kiosk.screens.shape import Answer
from kiosk.screens.text import Icon, Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import EnterCode, LetterDrawing, Say, say

MARKS = {"good": ("check-circle", "success"), "bad": ("close-circle", "failure"), "open": ("circle-outline", "edge")}


class EnterCodeShape(DigitPadShape):
    """A code as dots, and the rules of a new one."""

    view: EnterCode

    def __init__(
        self, view: EnterCode, words: ScreenTexts, theme: Theme, answer: Answer, entry: DigitEntry | None = None
    ) -> None:
        super().__init__(view, words, theme, answer, least=view.min_length, most=view.max_length, entry=entry)

    def build(self) -> Flow:
        theme, view = self.theme, self.view
        self.cells.show(len(self.entry))
        self.rules = Rules(view.policy, self.words, theme=theme, entry=self.entry) if view.policy else None
        below = self._below()
        left: list[Flow] = [self.title(), *self.leads(), *self._tries(), *self._aids()]
        if self.rules:
            left += [Spacer(1, theme=theme, drop=2), self.cells, self.rules, *below]
        else:
            left += [Spacer(theme=theme), FlowColumn([self.cells, *below], theme=theme, gap=2.4)]
        return self.with_pad(left, theme.sizes.gap if self.rules else 3.2 if not theme.portrait else 6)

    def wipe(self) -> None:
        self.entry.wipe()
        self.cells.show(0)

    def objections(self) -> tuple[Say, ...]:
        policy, count = self.view.policy, len(self.entry)
        if policy is None:
            return ()
        broken = [_rule_text(each, policy, count) for each in self.entry.judge(policy) if each.state == "bad"]
        return (say("keypad.another"), *broken) if broken else ()

    def show_entry(self) -> None:
        self.cells.show(len(self.entry))
        if self.rules:
            self.rules.renew()

    def take_answer(self) -> Secret:
        return self.entry.take()

    def _tries(self) -> list[Flow]:
        """Return rows that say how many tries are left, and where the station stops."""
        if self.view.tries is None:
            return []
        row = tries_row(self.view.tries, self.words, self.theme)
        if self.theme.small_panel or self.theme.large:
            return [row]
        return [row, Small(theme=self.theme, text=self.words(self.view.tries.text), tone="muted", drop=3)]

    def _aids(self) -> list[Flow]:
        """The letter, or what else tells which code is meant."""
        aids: list[Flow] = []
        if isinstance(self.view.drawing, LetterDrawing) and not self.theme.large:
            sheet = letter(self.view.drawing, self.words, self.theme)
            sheet.drop = 4
            whole = self.theme.portrait or self.theme.small_panel
            sheet.grow = whole
            aids.append(FlowRow([sheet] if whole else [sheet, Spacer(theme=self.theme)], theme=self.theme, drop=4))
        for fact in self.view.facts:
            text = f"{self.words(fact.label)} [b]{self.words(fact.value)}[/b]"
            aids.append(rule(self.theme, text, fact.icon or "information-outline", "primary", drop=3))
        return [*aids, *self.note()]

    def _below(self) -> list[Flow]:
        if self.view.hint is None or self.theme.large or self.theme.small_panel:
            return []
        theme = self.theme
        eye = Icon(theme=theme, name="eye-off-outline", size_mm=theme.sizes.label * 1.3, tone="muted")
        return [
            FlowRow(
                [eye, Small(theme=theme, text=self.words(self.view.hint), tone="muted", grow=True)], theme=theme, gap=1
            )
        ]


class Rules(Flow):
    """The rules of a new code, each with its state; one that is broken is strong."""

    def __init__(self, policy: PinPolicy, words: ScreenTexts, entry: DigitEntry, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy, self.words, self.entry = policy, words, entry
        self.column = self._column()
        self.add_widget(self.column)

    def renew(self) -> None:
        self.remove_widget(self.column)
        self.column = self._column()
        self.add_widget(self.column)
        self.arrange()

    def height_for(self, width: float) -> float:
        return self.column.height_for(width)

    def arrange(self) -> None:
        self.column.place(self.x, self.top, self.width, self.height)

    def _column(self) -> FlowColumn:
        policy, words = self.policy, self.words
        rows: list[Flow] = []
        for judged in self.entry.judge(policy):
            text = words(_rule_text(judged, policy, len(self.entry)))
            text = f"[b]{text}[/b]" if judged.state == "bad" else text
            icon, tone = MARKS[judged.state]
            rows.append(rule(self.theme, text, icon, tone, tone="muted" if judged.state == "open" else "ink"))
        if not self.theme.small_panel and not self.theme.large:
            rows.append(rule(self.theme, words.frame("policy.twice"), "circle-outline", "edge", tone="muted"))
        return FlowColumn(rows, theme=self.theme, gap=2 if not self.theme.small_panel else 0.8)


def _rule_text(judged: Judged, policy: PinPolicy, count: int) -> Say:
    fixed = judged.rule == "length" and policy.min_length == policy.max_length
    key = "policy.length_fixed" if fixed else f"policy.{judged.rule}"
    return say(key, least=policy.min_length, most=policy.max_length, count=count)

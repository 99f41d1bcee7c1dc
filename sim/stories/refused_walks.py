"""Refusals of errands as walks: the documented answers up to one question, and from there what leads to the refusal.

Tests walk this list through pcscd, at a region whose register has the cards of
the people below as it is said there. What no such walk leads to stands in `ELSEWHERE`, with what shows it instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.reader.personas import PIN

Steps = tuple[tuple[str, str], ...]
"""Question (without its errand) and answer; `insert NAME` is done by hands."""
CardFlaw = Literal["locked", "of another issuer", "copied", "signs nothing"]
"""What is wrong with a card: its code is locked, nobody here trusts its issuer, or it is a copy, which signs with other keys or
not at all."""
Which = Literal["old", "new"]
UNNAMED = "unnamed"
"""A card of kind B at a station that has no profile of it."""
NO_CARD = "no card"
NAMED = ("A", "B", "C", "D")
EVERY_KIND = (*NAMED, UNNAMED)
WRITABLE = ("B", "C", "D")

WITHOUT_ORDER, LEFT, HELD, EXPIRED, PROTECTED, BLOCKED, PLAIN, UNKNOWN, RETURNED, NO_PERSON, LATE, RESERVE = range(
    1, 13
)
"""Made-up people by what the region's register has of them: both cards of 3 are reported stolen and on hold, of 6 blocked, of 8
unknown, of 9 returned; 2 has left, 10 is not in the directory; of 4 the old card has expired, of 11 the order; 5 has a protected
identity and a reserve card on order; the old card of 12 is a reserve card, and ordered at level 2."""
ATTENDING, WITHOUT_KUR = 13, 14
"""The administrators; the second has not the role for protected identities. Both have an old card, and a new one on order."""

WRONG_PIN, WRONG_PUK, NEW_PIN = "60606060", "24682468", "314159"
LAST_OF = {"A": 2, "B": 2, "C": 4, "D": 2, UNNAMED: 2}
"""Wrong codes until the last try."""
FLOOR_OF = {"A": 3, "B": 8, "C": 2, "D": 2}
"""Wrong PUKs until the station sends none any more."""


@dataclass(frozen=True, slots=True)
class RefusedWalk:
    """One refusal of one errand: the documented answers of `file` until the question `at`, then those of `then`."""

    errand: str
    reason: str
    until: str
    """What leads to the refusal."""
    at: str
    then: Steps | Callable[[str], Steps] = ()
    kinds: tuple[str, ...] = EVERY_KIND
    whose: int = PLAIN
    which: Which | None = None
    """Which card of theirs; None: the documented one."""
    flaws: Mapping[str, CardFlaw] = field(default_factory=dict)
    """By the card's name in the answers file."""
    others: Mapping[str, tuple[int, Which]] = field(default_factory=dict)
    """Cards of other people, by name."""
    file: str = "walk.toml"

    @property
    def prefix(self) -> str:
        """Word that the errand's views begin with."""
        return "pickup" if self.errand == "attend" else self.errand

    def steps(self, kind: str) -> Steps:
        """The answers from `at` to the end, with whole names."""
        answers = self.then if isinstance(self.then, tuple) else self.then(kind)
        return tuple((f"{self.prefix}.{view}", value) for view, value in (*answers, (f"stop.{self.reason}", "end")))


def typed_unless_named(code: str, before: Steps = ()) -> Callable[[str], Steps]:
    """The locked code of a card of which nothing is known is asked for, and the card says that it is locked."""
    return lambda kind: (*before, (code, PIN)) if kind == UNNAMED else before


def risking(code: str) -> Callable[[str], Steps]:
    """A wrong code until its last try, which is kept."""
    return lambda kind: (*_wrong_pins(code, kind), (f"{code}_last", "no"))


def _wrong_pins(code: str, kind: str) -> Steps:
    """Each another: the same one is not sent again."""
    return tuple(
        step for number in range(LAST_OF[kind]) for step in ((code, f"6060606{number}"), (f"{code}_wrong", "again"))
    )


def _wrong_puks(kind: str) -> Steps:
    written = (("puk", WRONG_PUK), ("new_pin", NEW_PIN), ("repeat_pin", NEW_PIN), ("write", "write"))
    return (*written, *(("puk_wrong", f"2468249{number}") for number in range(FLOOR_OF[kind] - 1)))


def _standing(
    errand: str, at: str, which: Which | None, prefix: str, kinds: tuple[str, ...] = EVERY_KIND
) -> tuple[RefusedWalk, ...]:
    """Return the walks refused by what the register says of a card or its holder."""
    names = (("held", HELD, "the card is on hold"), ("blocked", BLOCKED, "the card is blocked"),
             ("unknown", UNKNOWN, "the register does not know the card"))  # fmt: skip
    reasons = (*((f"{prefix}_{name}", holder, until) for name, holder, until in names),
               ("holder_left", LEFT, "the holder has left"),
               ("holder_unknown", NO_PERSON, "the directory does not know the holder"))  # fmt: skip
    return tuple(
        RefusedWalk(errand, reason, until, at, kinds=kinds, whose=holder, which=which)
        for reason, holder, until in reasons
    )


def _attended(errand: str, file: str = "walk.toml", which: Which | None = None) -> tuple[RefusedWalk, ...]:
    """Return what an administrator's code may come to. A card that no profile names has no level, and is no administrator's."""
    return (
        RefusedWalk(errand, "administrator_locked", "the administrator's code is locked", "pin_administrator", kinds=NAMED,
                    flaws={"administrator": "locked"}, file=file, which=which),
        RefusedWalk(errand, "last_try_kept", "wrong codes of the administrator, and the last try is kept", "pin_administrator",
                    risking("pin_administrator"), NAMED, file=file, which=which),
    )  # fmt: skip


def _copy(errand: str, at: str, then: Steps, card: str = "card", kinds: tuple[str, ...] = EVERY_KIND) -> RefusedWalk:
    """A copy calls every code right."""
    until = "a copy of the card signs with other keys"
    return RefusedWalk(errand, "card_not_genuine", until, at, then, kinds, flaws={card: "copied"})


def _mute(errand: str, at: str, then: Steps, card: str = "card") -> RefusedWalk:
    """The card's key signs nothing."""
    return RefusedWalk(errand, "card_did_not_sign", "the card signs nothing", at, then, flaws={card: "signs nothing"})


FOUND: Steps = (("what", "found"), ("insert", "insert card"))
KNOWN: Steps = (("what", "code_known"), ("insert", "insert card"))
NUMBERS: Steps = (("number", "9999000000000000"), ("not_known", "again")) * 3
NO_ENVELOPE: Steps = (("puk", "no_envelope"),)
LOCKED: Mapping[str, CardFlaw] = {"card": "locked"}

REFUSED_WALKS: tuple[RefusedWalk, ...] = (
    # pickup, with the holder's own old card
    *_standing("pickup", "pin_old", "old", "own_card"),
    RefusedWalk("pickup", "own_card_not_in_use", "the old card was returned", "pin_old", whose=RETURNED),
    RefusedWalk("pickup", "own_card_expired", "the old card has expired", "pin_old", whose=EXPIRED),
    RefusedWalk("pickup", "own_card_untrusted", "the old card is of another issuer", "pin_old",
                flaws={"old": "of another issuer"}),
    RefusedWalk("pickup", "own_card_locked", "the old card's code is locked", "pin_old", typed_unless_named("pin_old"),
                flaws={"old": "locked"}),
    RefusedWalk("pickup", "last_try_kept", "wrong codes, and the last try is kept", "pin_old", risking("pin_old")),
    _copy("pickup", "take_old", (), "old"),
    _mute("pickup", "take_old", (), "old"),
    RefusedWalk("pickup", "no_order", "nothing is ordered", "terms", whose=WITHOUT_ORDER),
    RefusedWalk("pickup", "order_expired", "the order's last day is over", "terms", whose=LATE),
    RefusedWalk("pickup", "level_too_low", "nobody knows the old card's level", "terms", kinds=(UNNAMED,)),
    RefusedWalk("pickup", "two_needed", "a reserve card of level 3, and nobody attends", "terms", kinds=NAMED, whose=PROTECTED),
    RefusedWalk("pickup", "no_envelope", "the letter is not at hand", "terms", (("terms", "no_envelope"),), NAMED),
    # attend: the same with an administrator
    *_attended("attend"),
    RefusedWalk("attend", "new_card_held", "the card is on hold", "terms", kinds=NAMED, whose=HELD),
    RefusedWalk("attend", "new_card_unknown", "the register does not know the card", "terms", kinds=NAMED, whose=UNKNOWN),
    RefusedWalk("attend", "kur_needed", "a protected identity, and the administrator has not the role for it", "terms",
                kinds=NAMED, whose=PROTECTED, others={"administrator": (WITHOUT_KUR, "new")}),
    # activate: the card came by post
    *_attended("activate", which="old"),
    *_standing("activate", "needed", "old", "new_card"),
    RefusedWalk("activate", "not_by_post", "nothing is ordered, and the card is not in use", "needed",
                whose=WITHOUT_ORDER, which="new"),
    RefusedWalk("activate", "already_active", "nothing is ordered, and the card is in use", "needed", whose=WITHOUT_ORDER,
                which="old"),
    RefusedWalk("activate", "order_of_another", "the order of the card is another person's", "needed", whose=EXPIRED,
                which="old"),
    RefusedWalk("activate", "other_level", "the card has another level than was ordered", "needed", whose=RESERVE, which="old"),
    RefusedWalk("activate", "order_expired", "the order's last day is over", "needed", whose=LATE, which="old"),
    RefusedWalk("activate", "no_administrator", "nobody is there who may attend", "needed", (("needed", "nobody"),), NAMED,
                which="old"),
    RefusedWalk("activate", "identity_disagrees", "the administrator says that the document does not agree", "check",
                (("check", "document_accepted"), ("check", "disagrees")), NAMED, which="old"),
    RefusedWalk("activate", "new_card_untested", "the card is of another issuer", "puk", kinds=("A", "B"), which="old",
                flaws={"new": "of another issuer"}),
    RefusedWalk("activate", "new_card_not_genuine", "the card is of another issuer, and shows it before any code", "puk",
                kinds=("C", "D"), which="old", flaws={"new": "of another issuer"}),
    RefusedWalk("activate", "too_many_guesses", "PUKs of other letters, until the server takes no more", "puk",
                (("puk", WRONG_PUK), *(("puk_wrong", WRONG_PUK),) * 5), ("B",), PROTECTED, "old"),
    # unblock, by the holder and attended
    RefusedWalk("unblock", "puk_floor", "wrong PUKs, until the station sends none any more", "puk", _wrong_puks, kinds=NAMED,
                flaws=LOCKED),
    RefusedWalk("unblock", "not_unblockable", "nothing is known of the product", "puk", kinds=(UNNAMED,), flaws=LOCKED),
    RefusedWalk("unblock", "not_handed_over", "nobody has handed the card over", "puk", whose=LATE),
    RefusedWalk("unblock", "unblock_held", "no envelope, and the card is on hold", "puk", NO_ENVELOPE, kinds=NAMED, whose=HELD,
                flaws=LOCKED),
    RefusedWalk("unblock", "unblock_blocked", "no envelope, and the card is blocked", "puk", NO_ENVELOPE, kinds=NAMED,
                whose=BLOCKED, flaws=LOCKED),
    RefusedWalk("unblock", "unblock_reserve", "no envelope, and it is a reserve card", "puk", NO_ENVELOPE, kinds=NAMED,
                whose=RESERVE, which="old", flaws=LOCKED),
    RefusedWalk("unblock", "holder_left", "no envelope, and the holder has left", "puk", NO_ENVELOPE, kinds=NAMED, whose=LEFT,
                flaws=LOCKED),
    RefusedWalk("unblock", "holder_unknown", "no envelope, and the directory does not know the holder", "puk", NO_ENVELOPE,
                kinds=NAMED, whose=NO_PERSON, flaws=LOCKED),
    RefusedWalk("unblock", "administrator_locked", "attended, and the administrator's code is locked", "pin_administrator",
                kinds=NAMED, flaws={"card": "locked", "administrator": "locked"}, file="walk_attended.toml"),
    # change_pin, check_card, clean_up
    RefusedWalk("change_pin", "not_handed_over", "nobody has handed the card over", "pin", whose=LATE),
    RefusedWalk("change_pin", "last_try_kept", "wrong codes, and the last try is kept", "pin", risking("pin")),
    RefusedWalk("change_pin", "card_locked", "its code is locked", "pin", kinds=NAMED, flaws=LOCKED),
    _copy("change_pin", "pin", (("pin", PIN), ("new_pin", NEW_PIN), ("repeat_pin", NEW_PIN))),
    RefusedWalk("check_card", "last_try_kept", "wrong codes, and the last try is kept", "pin", risking("pin"), kinds=NAMED),
    _copy("check_card", "pin", (("pin", PIN),), kinds=NAMED),
    RefusedWalk("clean_up", "card_locked", "to be blocked, and its code is locked", "which",
                typed_unless_named("pin", (("which", "block"),)), flaws=LOCKED),
    RefusedWalk("clean_up", "card_not_trusted", "to be blocked, and of another issuer", "which",
                (("which", "block"), ("pin", PIN)), flaws={"card": "of another issuer"}),
    _copy("clean_up", "which", (("which", "block"), ("pin", PIN))),
    # return_card, report_lost
    RefusedWalk("return_card", "no_such_card", "three numbers that nobody knows", "insert", (("insert", "number"), *NUMBERS),
                kinds=(NO_CARD,)),
    RefusedWalk("return_card", "last_try_kept", "wrong codes, and the last try is kept", "pin", risking("pin")),
    RefusedWalk("return_card", "not_returned", "the card is kept at the drop slot", "done", (("drop_old", "keep"),)),
    _copy("return_card", "pin", (("pin", PIN),)),
    RefusedWalk("report_lost", "not_on_hold", "found again, and it was never on hold", "what", FOUND),
    RefusedWalk("report_lost", "already_blocked", "found again, and it is blocked", "what", FOUND, whose=BLOCKED),
    RefusedWalk("report_lost", "lift_by_administrator", "found again, and it was reported stolen", "what", FOUND, whose=HELD),
    RefusedWalk("report_lost", "card_locked", "others know its code, which is locked", "what", typed_unless_named("pin", KNOWN),
                flaws=LOCKED),
    RefusedWalk("report_lost", "last_try_kept", "wrong codes, and the last try is kept", "what",
                lambda kind: (*KNOWN, *risking("pin")(kind))),
    RefusedWalk("report_lost", "card_not_trusted", "others know its code, and it is of another issuer", "what",
                (*KNOWN, ("pin", PIN)), flaws={"card": "of another issuer"}),
    _copy("report_lost", "what", (*KNOWN, ("pin", PIN))),
    _mute("report_lost", "what", (*KNOWN, ("pin", PIN))),
    RefusedWalk("report_lost", "card_not_known", "to be blocked, and the issuer does not know it", "what",
                (*KNOWN, ("pin", PIN), ("sure", "yes"), ("really", "yes")), whose=UNKNOWN),
    RefusedWalk("report_lost", "card_not_valid", "others know its code, and it has expired", "what", (*KNOWN, ("pin", PIN)),
                whose=EXPIRED),
    RefusedWalk("report_lost", "no_such_card", "three numbers that nobody knows", "number", NUMBERS, kinds=(NO_CARD,)),
    # renew_certificate, reserve_certificate
    RefusedWalk("renew_certificate", "not_writable", "the card takes no certificate", "which", kinds=("A", UNNAMED)),
    RefusedWalk("renew_certificate", "card_locked", "its code is locked", "pin", kinds=WRITABLE, flaws=LOCKED),
    RefusedWalk("renew_certificate", "last_try_kept", "wrong codes, and the last try is kept", "pin", risking("pin"),
                kinds=WRITABLE),
    RefusedWalk("renew_certificate", "too_early", "it lasts long still", "which", kinds=WRITABLE, which="new"),
    RefusedWalk("renew_certificate", "use_reserve", "a reserve card has its own errand", "which", kinds=WRITABLE, whose=RESERVE),
    RefusedWalk("renew_certificate", "not_offered", "the card is blocked, and the issuer offers nothing", "which", kinds=WRITABLE,
                whose=BLOCKED),
    RefusedWalk("renew_certificate", "no_proof", "the card is of another issuer", "which", kinds=WRITABLE,
                flaws={"card": "of another issuer"}),
    _copy("renew_certificate", "pin", (("pin", PIN),), kinds=WRITABLE),
    RefusedWalk("reserve_certificate", "own_not_valid", "the own card has expired", "pin",
                others={"own": (EXPIRED, "old"), "reserve": (RESERVE, "old")}),
    RefusedWalk("reserve_certificate", "own_card_held", "the own card is on hold", "pin",
                others={"own": (HELD, "old"), "reserve": (RESERVE, "old")}),
    RefusedWalk("reserve_certificate", "no_reserve_card", "an ordinary card", "begin", kinds=WRITABLE,
                others={"own": (PLAIN, "new"), "reserve": (PLAIN, "old")}),
    RefusedWalk("reserve_certificate", "other_person", "it was given to somebody else", "begin", kinds=WRITABLE,
                others={"own": (PLAIN, "old"), "reserve": (RESERVE, "old")}),
    RefusedWalk("reserve_certificate", "not_writable", "the card takes no certificate", "begin", kinds=("A", UNNAMED),
                others={"own": (PLAIN, "old"), "reserve": (RESERVE, "old")}),
    # administrate, as every errand that an administrator begins
    *(RefusedWalk("administrate", walk.reason, walk.until, "pin_administrator", kinds=NAMED,
                  others={"administrator": (walk.whose, "old")})
      for walk in (*_standing("administrate", "", None, "own_card"),
                   RefusedWalk("administrate", "own_card_not_in_use", "the card was returned", "", whose=RETURNED))),
    *_attended("administrate"),
    _copy("administrate", "home", (), "administrator", NAMED),
    # What spends an order or a card, whose slot is then quarantined, or which is then on hold: last, and each with other people
    *(RefusedWalk(errand, "wrong_card_in_slot", "another number is printed on the card", "printed",
                  (("printed", "11111111"), ("printed_differs", "wrong")), (kind,), whose)
      for kind, errand, whose in (("A", "pickup", RESERVE), ("B", "pickup", ATTENDING), ("C", "pickup", WITHOUT_KUR),
                                  ("D", "attend", EXPIRED))),
    RefusedWalk("pickup", "new_card_untested", "the new card is of another issuer", "puk", kinds=("A",),
                flaws={"new": "of another issuer"}),
    RefusedWalk("activate", "new_card_locked", "wrong codes, and the last try is not kept", "sign_pin",
                (*_wrong_pins("sign_pin", "C"), ("sign_pin_last", "yes"),
                 ("sign_pin", WRONG_PIN)),
                ("C",), ATTENDING, "old", others={"administrator": (WITHOUT_KUR, "new")}),
    RefusedWalk("activate", "new_card_heard_codes", "a copy of the card takes PUK and code, and signs with other keys", "receipt",
                kinds=("B",), whose=WITHOUT_KUR, which="old", flaws={"new": "copied"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Why a refusal is not walked, and the story (by its title) or the test that shows it."""

    why: str
    shown_by: str


ISSUER, CLOCK, SERVER, PRODUCT, SLOT, HANDS = (
    "the issuer must decline a valid request",
    "the clock must be set",
    "the server or its verifier must be away",
    "needs another card product",
    "needs another content of the cabinet",
    "needs several visits, or a reader changed in the middle",
)
ELSEWHERE: Mapping[str, Elsewhere] = {
    "activation_offline": Elsewhere(SERVER, "activate: the server that verifies the letter is away"),
    "bin_not_signed": Elsewhere(HANDS, "empty_bin: a card does not sign, and the bin counts as not emptied"),
    "block_declined": Elsewhere(ISSUER, "report_lost: the issuer does not block the card"),
    "card_refused": Elsewhere(
        PRODUCT,
        "tests/kiosk/errands/test_signing_traits.py::test_a_card_that_does_not_look_at_the_code_is_not_called_locked",
    ),
    "certificate_declined": Elsewhere(ISSUER, "renew_certificate: the issuer gives no certificate"),
    "change_first": Elsewhere(PRODUCT, "return_card: a card that signs nothing before its code was changed"),
    "employer_not_known": Elsewhere(PRODUCT, "pickup: who does not know for which employer"),
    "first_code_forgotten": Elsewhere(
        HANDS,
        "tests/kiosk/errands/test_activate_again.py"
        "::test_who_forgot_the_code_that_took_the_start_pins_place_is_asked_for_no_start_pin",
    ),
    "former_name": Elsewhere(
        "the register must hold another name",
        "tests/e2e/test_hand_overs.py::test_a_card_with_a_former_name_waits_for_its_holders_word",
    ),
    "found_elsewhere": Elsewhere(
        "needs a station without a drop slot", "report_lost: somebody else's card, where no slot takes it"
    ),
    "letter_declined": Elsewhere(ISSUER, "unblock: the issuer orders no letter"),
    "lift_declined": Elsewhere(ISSUER, "report_lost: found, and the issuer does not lift the hold"),
    "log_in_expired": Elsewhere(CLOCK, "unblock: the administrator's log-in was too long ago"),
    "new_card_read_only": Elsewhere(PRODUCT, "pickup: a card of a product that nobody has tried"),
    "no_menu": Elsewhere("needs a process without a station", "administrate: where no station runs"),
    "no_room": Elsewhere(PRODUCT, "renew_certificate: old certificates take up the room"),
    "not_written": Elsewhere(ISSUER, "renew_certificate: the card makes no key, because its management key is another"),
    "nothing_waits": Elsewhere(SLOT, "pickup: the administrator's own order is not offered"),
    "offline": Elsewhere(SERVER, "pickup: the verifier is away"),
    "old_code_forgotten": Elsewhere(PRODUCT, "unblock: a product that keeps its code, which is forgotten"),
    "own_card_attended": Elsewhere(PRODUCT, "pickup: the new card is the administrator's own too"),
    "puk_locked": Elsewhere(HANDS, "unblock: a PUK that the card called used up before"),
    "puk_not_sent": Elsewhere(HANDS, "unblock: the station has counted too many wrong PUKs: nobody is asked for one"),
    "read_only": Elsewhere(PRODUCT, "change_pin: nobody has tried the product, which is said before any code"),
    "reserve_envelope": Elsewhere(SLOT, "reserve_certificate: the envelope was open, and the card is on hold"),
    "reserve_not_bound": Elsewhere(SLOT, "reserve_certificate: the server does not bind it"),
    "reserve_other_card": Elsewhere(SLOT, "reserve_certificate: another card than the one from the slot"),
    "reserve_over": Elsewhere(ISSUER, "reserve_certificate: a card of level 3 that was prolonged before"),
    "slot_gone": Elsewhere(
        SLOT,
        "tests/kiosk/errands/test_pickup_stories.py::"
        "test_a_card_that_somebody_else_took_is_never_said_to_be_taken_by_its_holder",
    ),
    "slot_empty": Elsewhere(SLOT, "pickup: no card lies in the slot, and it stays shut"),
    "stocked_by_one": Elsewhere(SLOT, "pickup: a card without a key of its own that one administrator put in"),
    "switched_off": Elsewhere("the region must switch cards off", "change_pin: a batch is switched off"),
    "too_many_releases": Elsewhere(
        "needs the letter of a level 2 card, with its release code",
        "pickup: LoA2: wrong release codes until the station stops",
    ),
    "too_many_reports": Elsewhere(
        HANDS, "tests/attacks/test_persons.py::test_one_visitor_reports_card_after_card_by_number"
    ),
    "two_administrators": Elsewhere(ISSUER, "reserve_certificate: only level 3 is left, and takes two"),
    "unblock_declined": Elsewhere(ISSUER, "unblock: the issuer does not answer for the card"),
    "unblock_key_floor": Elsewhere(
        HANDS, "unblock: a PUK is released, and so few of its tries are left that the station stops"
    ),
}
"""Refusals that no walk of the list leads to."""

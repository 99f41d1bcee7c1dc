"""The floors under every profile, whoever signed it: what a file may never loosen (reliability I1). Pure.

`offences` gives each as a pair of key and reason. A value that nobody has verified may make the program more careful,
never less: no try is risked, and no PUK sent, on hearsay.
"""

from collections.abc import Iterable, Iterator

from drivers.reader.pin.new_code_rules import DEFAULT_RULES
from drivers.reader.profiles.evidence import Evidence
from drivers.reader.profiles.tables import Profile

PIN_MIN_LENGTH = 4
"""No product's new PIN may be shorter."""
MIN_ATR_BITS = 40
"""So many bits of an ATR must count: a mask of zeros would speak for every card."""
UNREAD_PIN_TRIES, UNREAD_PUK_TRIES, UNREAD_KEY_TRIES = 5, 5, 5
"""Where tries are not read and where they start is hearsay, no more of them are believed in."""
_FORM_OF_PUK = ("reference", "stored_length", "pad", "at_mf")
_FORM = "a PUK in the wrong form costs a try: it needs a source"

Offence = tuple[str, str]


def offences(profile: Profile, evidence: Evidence, replaced: Profile | None) -> tuple[Offence, ...]:
    """Return what is loosened. `replaced` is the profile that ships under the same name, which may only be made stricter."""
    offences_found = [*_always(profile), *_on_hearsay(profile, evidence), *_unsourced(profile, evidence)]
    if profile.proved == "standard":
        offences_found += _beyond_standard(profile)
    if replaced is not None:
        offences_found += _looser(profile, replaced)
    return tuple(offences_found)


def signing_offences(profile: Profile) -> tuple[Offence, ...]:
    """Return the offence of what only a profile that ships may do: speak for cards of no certain kind."""
    match = profile.match
    if not (match.atr or match.aid or match.label or match.manufacturer or match.issuer):
        return (("match", "must say which cards the profile is for"),)
    return ()


def tighten(profile: Profile, shipped: Iterable[Profile]) -> Profile:
    """A signed profile with nothing in it looser than in those that ship and are for the same card.

    The profile of every other card does not count: it knows nothing of the product.
    """
    for original in shipped:
        if signing_offences(original):
            continue
        pin = profile.pin.model_copy(update={"min_length": max(profile.pin.min_length, original.pin.min_length)})
        puk = profile.puk.model_copy(update={"floor": max(profile.puk.floor, original.puk.floor)})
        writable = profile.writable and original.writable
        genuine = profile.genuine if original.genuine == "none" else original.genuine
        people = max(profile.stocked_by, original.stocked_by)
        proved = "none" if original.read_only and profile.proved == "standard" else profile.proved
        changed = {
            "pin": pin,
            "puk": puk,
            "writable": writable,
            "genuine": genuine,
            "stocked_by": people,
            "proved": proved,
        }
        profile = profile.model_copy(update=changed)
    return profile


def restrain(profile: Profile) -> Profile:
    """The profile as it is obeyed: of a product that nobody has tried on a card nothing is changed or risked."""
    if not profile.read_only:
        return profile
    updates = {
        key: "none" if getattr(profile.commands, key) == "empty-verify" else getattr(profile.commands, key)
        for key in ("counter", "counter_of_puk")
    }
    commands = profile.commands.model_copy(update=updates | {"unblock": "none"})
    unblocking = profile.unblocking.model_copy(update={"by": "nobody", "admin": "none"})
    return profile.model_copy(update={"commands": commands, "unblocking": unblocking, "writable": False})


def _always(profile: Profile) -> Iterator[Offence]:
    for name, rules in (("pin", profile.pin), ("puk", profile.puk)):
        if rules.max_length < rules.min_length:
            yield f"{name}.max_length", "is less than min_length"
    if (profile.puk.stored_length or profile.puk.max_length) < profile.puk.min_length:
        yield "puk.stored_length", "is less than min_length"
    if profile.pin.min_length < PIN_MIN_LENGTH:
        yield "pin.min_length", f"a new PIN has at least {PIN_MIN_LENGTH} characters"
    missing = [rule for rule in DEFAULT_RULES if rule not in profile.pin.forbidden]
    if missing:
        yield "pin.forbidden", f"must keep {', '.join(missing)}"
    for at, atr in enumerate(profile.match.atr):
        if atr.weight < MIN_ATR_BITS:
            yield f"match.atr[{at}]", f"the mask must leave at least {MIN_ATR_BITS} bits"


def _on_hearsay(profile: Profile, evidence: Evidence) -> Iterator[Offence]:
    commands = profile.commands
    for key, counter in (("counter", commands.counter), ("counter_of_puk", commands.counter_of_puk)):
        if counter == "empty-verify" and _hearsay(evidence, f"commands.{key}"):
            yield f"commands.{key}", "an empty VERIFY may cost a try: it needs a source"
    if commands.unblock != "none" and _hearsay(evidence, "commands.unblock"):
        yield "commands.unblock", "a PUK is not sent on hearsay: it needs a source"
    if profile.unblocking.admin != "none":
        if _hearsay(evidence, "unblocking.admin"):
            yield "unblocking.admin", "no key's try is risked on hearsay: it needs a source"
        if profile.unblocking.admin_tries > UNREAD_KEY_TRIES and _hearsay(evidence, "unblocking.admin_tries"):
            yield "unblocking.admin_tries", f"more than {UNREAD_KEY_TRIES} need a source: the card is not asked"
    for name, tries, most, counter in (
        ("pin", profile.pin.tries, UNREAD_PIN_TRIES, commands.counter),
        ("puk", profile.puk.tries, UNREAD_PUK_TRIES, commands.counter_of_puk),
    ):
        if counter == "none" and tries > most and _hearsay(evidence, f"{name}.tries"):
            yield f"{name}.tries", f"more than {most} need a source where the card is not asked"


def _unsourced(profile: Profile, evidence: Evidence) -> Iterator[Offence]:
    sends = profile.commands.unblock != "none"
    form = ((f"puk.{key}", sends and getattr(profile.puk, key) not in (None, False), _FORM) for key in _FORM_OF_PUK)
    for key, loose, why in (
        *form,
        ("stocked_by", profile.stocked_by < 2, "one administrator alone is not enough on hearsay: it needs a source"),
        ("writable", profile.writable, "nothing is written on hearsay: it needs a source"),
        ("proved", not profile.read_only, "what the product was tried on needs a source"),
    ):
        if loose and _hearsay(evidence, key):
            yield key, why


def _beyond_standard(profile: Profile) -> Iterator[Offence]:
    """No standard says who may unlock a product, and how it is written."""
    for key, beyond in (
        ("unblocking.by", profile.unblocking.by != "nobody"),
        ("unblocking.admin", profile.unblocking.admin != "none"),
        ("writable", profile.writable),
    ):
        if beyond:
            yield key, "no standard says so: `proved` must be a trace or a card"


def _hearsay(evidence: Evidence, key: str) -> bool:
    return evidence.get(key, "") is None


def _looser(profile: Profile, replaced: Profile) -> Iterator[Offence]:
    if profile.kind != replaced.kind:
        yield "kind", f"{replaced.name} is a profile for {replaced.kind}"
    if profile.stocked_by < replaced.stocked_by:
        yield "stocked_by", f"is {replaced.stocked_by} in the profile that ships under this name"
    if profile.writable and not replaced.writable:
        yield "writable", "is false in the profile that ships under this name"
    if profile.kind == replaced.kind and replaced.genuine not in ("none", profile.genuine):
        yield "genuine", f"is {replaced.genuine} in the profile that ships under this name"
    if profile.unblocking.admin != "none" and replaced.unblocking.admin == "none":
        yield "unblocking.admin", "is none in the profile that ships under this name"
    if replaced.read_only and profile.proved == "standard":
        yield "proved", "is none in the profile that ships under this name: a trace or a card proves it"
    if profile.puk.floor < replaced.puk.floor:
        yield "puk.floor", f"is {replaced.puk.floor} in the profile that ships under this name"
    if profile.pin.min_length < replaced.pin.min_length:
        yield "pin.min_length", f"is {replaced.pin.min_length} in the profile that ships under this name"

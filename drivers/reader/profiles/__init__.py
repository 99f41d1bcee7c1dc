"""Card product profiles, as data: one TOML file for each product, and the only place that loads them.

`builtin` gives the products that ship with the program; `parse` reads one file; others are added, signed, by
`drivers.reader.profiles.signed`. Every value says its source or that it is unverified (`evidence`), and none may loosen
a floor (`safety`). The highest profile that matches a card is its profile; `pkcs15.toml` matches every PKCS#15 card and
promises little: tries are not asked for, and nothing is unblocked. A product that was never tried on a card is read-only, and
so is a card of its family (another version in its answer to reset) that no profile knows better.
What stands in certificates is their issuer's matter: `issuers/` has a file for each, for cards of every product that says
nothing of its own.
docs/profiles.md says how to write one.

>>> builtin().match(CardSigns(label="made up"), "pkcs15").name
'pkcs15'
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from pydantic import ValidationError

from drivers.reader.profiles import safety
from drivers.reader.profiles.evidence import EvidenceError, separate
from drivers.reader.profiles.tables import (
    BY_SERIAL,
    AtrMask,
    CertificateRules,
    CodeRules,
    CommandRules,
    Counter,
    IssuerRules,
    Match,
    PinRules,
    PivRules,
    Profile,
    Proved,
    PukRules,
    Signing,
    SigningForm,
    Unblocking,
    UnblockVariant,
)

__all__ = [
    "BY_SERIAL", "AtrMask", "CardSigns", "CertificateRules", "CodeRules", "CommandRules", "Counter", "IssuerRules", "Match",
    "PinRules", "PivRules", "Profile", "ProfileError", "Profiles", "Proved", "PukRules", "Signing", "SigningForm",
    "UnblockVariant", "Unblocking", "builtin", "is_issuer", "parse", "parse_issuer",
]  # fmt: skip


T = TypeVar("T", Profile, IssuerRules)


VIRTUAL = "virtual-"
"""How the names of virtual cards' profiles begin."""


class ProfileError(ValueError):
    """A profile file that cannot be used; the text says which file, key and reason."""


@dataclass(frozen=True, slots=True)
class CardSigns:
    """Signs by which a profile is recognised."""

    atr: bytes = b""
    aid: bytes = b""
    label: str = ""
    manufacturer: str = ""
    issuers: tuple[str, ...] = ()
    """Issuers of the card's certificates, in the form of RFC 4514."""


class Profiles:
    """A set of profiles, looked through from the highest rank down; at one rank those that ship come first.

    `signed` are the names of those from outside. One of them may stand above one that ships, and is then never looser with a
    card that both are for (`safety.tightened`). `issuers`: what their certificates say; those that ship unless it is given.
    """

    def __init__(
        self, profiles: Iterable[Profile], signed: Iterable[str] = (), issuers: Iterable[IssuerRules] | None = None
    ) -> None:
        self._signed = frozenset(signed)
        self._issuers = shipped_issuers() if issuers is None else tuple(issuers)
        self._profiles = tuple(sorted(profiles, key=lambda profile: (-profile.rank, profile.name in self._signed)))

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles)

    def match(self, signs: CardSigns, kind: str) -> Profile | None:
        """The profile of a card of that kind as it is obeyed, None where none fits."""
        fitting = [p for p in self._profiles if p.kind == kind and _fits(p.match, signs)]
        if not fitting or fitting[0].match == Match():
            fitting = [
                p for p in self._profiles if p.kind == kind and p.read_only and _is_relative(p, signs)
            ] or fitting
        if not fitting:
            return None
        profile = fitting[0]
        if profile.name in self._signed:
            profile = safety.tighten(profile, (p for p in fitting[1:] if p.name not in self._signed))
        return self.with_issuer(safety.restrain(profile), signs.issuers)

    def with_issuer(self, profile: Profile, issuers: Iterable[str]) -> Profile:
        """The profile of a card with certificates of those issuers: what the profile does not say of certificates, the first
        issuer that is known does. Then no serial of a token is taken for the number on the card."""
        names = tuple(issuers)
        rules = next((issuer.certificates for issuer in self._issuers if issuer.issued(names)), None)
        if rules is None:
            return profile
        own = profile.certificates
        number = rules.card_number if own.card_number == BY_SERIAL else own.card_number
        merged = CertificateRules(
            card_number=number, loa=rules.loa | own.loa, holder_id=own.holder_id or rules.holder_id
        )
        return profile.model_copy(update={"certificates": merged})

    def match_name(self, name: str) -> Profile:
        """The profile of that name. Raises KeyError."""
        for profile in self._profiles:
            if profile.name == name:
                return profile
        raise KeyError(name)

    def with_added(self, profile: Profile | IssuerRules) -> "Profiles":
        """The same with one more from outside, which takes the place of one of its name; an issuer's is looked at first."""
        if isinstance(profile, IssuerRules):
            others = (rules for rules in self._issuers if rules.name != profile.name)
            return Profiles(self._profiles, self._signed, (profile, *others))
        kept = (p for p in self._profiles if p.name != profile.name)
        return Profiles((*kept, profile), self._signed | {profile.name}, self._issuers)

    def with_loa(self, table: Mapping[str, int]) -> "Profiles":
        """The same with levels of assurance by policy identifier that stand above every profile's own."""

        def changed(profile: Profile) -> Profile:
            rules = profile.certificates.model_copy(update={"loa": profile.certificates.loa | dict(table)})
            return profile.model_copy(update={"certificates": rules})

        return Profiles(map(changed, self._profiles), self._signed, self._issuers)

    def tell_by_issuer(self, kind: str) -> bool:
        """Return whether a product of that kind is recognised by who issued a card's certificates."""
        return any(profile.match.issuer for profile in self._profiles if profile.kind == kind)

    @property
    def know_levels(self) -> bool:
        """True where they tell a level of assurance of any card but our virtual ones."""
        products = (profile.certificates for profile in self._profiles if not profile.name.startswith(VIRTUAL))
        return any(rules.loa for rules in (*products, *(issuer.certificates for issuer in self._issuers)))

    def with_new_pin_length(self, least: int) -> "Profiles":
        """The same, with no new PIN shorter than a region allows, as far as the product has room."""

        def changed(profile: Profile) -> Profile:
            longer = max(profile.pin.new_min_length, least)
            return profile.model_copy(update={"pin": profile.pin.model_copy(update={"new_min_length": longer})})

        return Profiles(map(changed, self._profiles), self._signed, self._issuers)

    def quiet(self) -> "Profiles":
        """The same, with no card asked for its tries: for a card of which nothing is certain."""

        def changed(profile: Profile) -> Profile:
            commands = profile.commands.model_copy(update={"counter": "none", "counter_of_puk": "none"})
            return profile.model_copy(update={"commands": commands})

        return Profiles(map(changed, self._profiles), self._signed, self._issuers)

    def hinted(self, atr: bytes) -> tuple[Profile, ...]:
        """Return the profiles that name this answer to reset, to ask for first. What the card then holds decides, not they."""
        return tuple(p for p in self._profiles if any(mask.fits(atr) for mask in p.match.atr))

    def aids(self, kind: str, atr: bytes, own: bytes) -> tuple[bytes, ...]:
        """Every AID that a profile of that kind names, those beside that answer to reset first, then the kind's own."""
        hinted = [profile for profile in self.hinted(atr) if profile.kind == kind]
        named = [p for p in self._profiles if p.kind == kind]
        applications = (bytes.fromhex(aid) for profile in hinted for aid in profile.commands.application)
        return tuple(dict.fromkeys((*applications, *_aids_of(hinted), own, *_aids_of(named))))


def _aids_of(profiles: Iterable[Profile]) -> Iterator[bytes]:
    return (bytes.fromhex(aid) for profile in profiles for aid in profile.match.aid)


def _is_relative(profile: Profile, signs: CardSigns) -> bool:
    """A card of the product's family, which nobody knows better: what is read-only there is so here."""
    return bool(profile.match.atr) and _fits(profile.match, signs, family=True)


def _fits(match: Match, signs: CardSigns, *, family: bool = False) -> bool:
    return (
        (not match.atr or any(mask.fits(signs.atr, family=family) for mask in match.atr))
        and (not match.aid or any(signs.aid.startswith(bytes.fromhex(aid)) for aid in match.aid))
        and re.search(match.label, signs.label) is not None
        and re.search(match.manufacturer, signs.manufacturer) is not None
        and (not match.issuer or any(re.search(match.issuer, issuer) for issuer in signs.issuers))
    )


def parse(text: str, name: str, *, replaced: Profile | None = None) -> Profile:
    """One profile file. `replaced`: the one that ships under its name. Raises ProfileError with file, key and reason."""
    profile = _validated(Profile, text, name)
    loosened = safety.offences(profile, profile.evidence, replaced)
    if loosened:
        raise ProfileError("\n".join(f"{name}: {key}: {reason}" for key, reason in loosened))
    return profile


def is_issuer(text: str, name: str) -> bool:
    """Return whether a file is an issuer's, and no product's. Raises ProfileError."""
    return _table(text, name).get("kind") == "issuer"


def parse_issuer(text: str, name: str) -> IssuerRules:
    """One file of an issuer. Raises ProfileError with file, key and reason."""
    return _validated(IssuerRules, text, name)


def _validated(model: type[T], text: str, name: str) -> T:
    try:
        plain, evidence = separate(_table(text, name))
        if "evidence" in plain:
            raise EvidenceError("evidence: there is no such key")
        return model.model_validate(plain | {"evidence": evidence})
    except EvidenceError as fault:
        raise ProfileError(f"{name}: {fault}") from fault
    except ValidationError as fault:
        raise ProfileError("\n".join(f"{name}: {line}" for line in _lines(fault))) from fault


def _table(text: str, name: str) -> dict[str, Any]:
    """Also what is TOML but too deep, or has a number too long, for the parser, which then raises faults of its own."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ProfileError(f"{name}: is not TOML: nested too deep") from None
    except ValueError as fault:
        raise ProfileError(f"{name}: is not TOML: {fault}") from fault


def _lines(fault: ValidationError) -> Iterator[str]:
    for error in fault.errors(include_url=False):
        key = ".".join(str(part) for part in error["loc"]) or "file"
        yield f"{key}: {error['msg'].removeprefix('Value error, ')}"


@cache
def builtin() -> Profiles:
    """The profiles that ship with the program."""
    return Profiles(parse(text, name) for name, text in _shipped(resources.files(__name__)))


@cache
def shipped_issuers() -> tuple[IssuerRules, ...]:
    """The issuers that ship with the program."""
    return tuple(parse_issuer(text, name) for name, text in _shipped(resources.files(__name__) / "issuers"))


def _shipped(folder: Traversable) -> Iterator[tuple[str, str]]:
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    return ((file.name, file.read_text("utf-8")) for file in sorted(files, key=lambda file: file.name))

"""Profile generator: a draft for the card in the reader, with every value that the card does not tell marked unverified. Pure.

The draft is a profile that can be used as it is: with it the card is what it was with the generic profile of its kind, whose
values and sources stand in it where the card does not tell its own. Whoever measures the card replaces `unverified = true`
by a source, value by value (docs/profiles.md). What a card says is data of a stranger: it is escaped.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509

from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Role
from drivers.reader.pkcs15.values import AlgorithmInfo, CodeObject
from drivers.reader.profiles import CardSigns, Profile, builtin
from drivers.reader.profiles.evidence import NAMING
from drivers.reader.signatures.signature_forms import SignatureForm, forms_of_algorithms

_OWN_WORD = 'source = "the card\'s own description of the code"'
_TAKEN = 'source = "measured on this card: it took its code so"'
_UNVERIFIED = "unverified = true"


def draft(
    facts: CardFacts,
    signs: CardSigns,
    codes: Sequence[tuple[CodeObject, Role]],
    algorithms: Sequence[AlgorithmInfo] = (),
    measured: Sequence[tuple[bool, SignatureForm]] = (),
    pad: int | None = None,
) -> str:
    """The text of the profile file, with hints as comments. `algorithms`: those that the card tells; `measured`: forms in which
    it has signed, each with whether it is for elliptic keys; `pad`: the filler with which it took a code otherwise."""
    name = f"draft-{hashlib.sha256(facts.atr).hexdigest()[:8]}"
    pin = next((code for code, role in codes if role is not Role.PUK), None)
    puk = next((code for code, role in codes if role is Role.PUK), None)
    head = [
        "# Drafted from one card, by reading it"
        + (", and after it signed under its code." if measured else ": no code was sent and no try was used."),
        f"name = {_text(name)}",
        f"title = {_text('Card with ATR ' + facts.atr.hex().upper())}",
        f"kind = {_text(facts.kind)}",
        "rank = 10",
        _proved(facts),
    ]
    generic = builtin().match_name(facts.kind)
    rest = [
        *_match(facts, signs),
        *_pin(generic, pin),
        *_puk(generic, puk),
        *_commands(generic, pad),
        *_loa(facts),
        *_signing(algorithms, measured),
    ]
    return "\n".join([*head, *rest]) + "\n"


def _proved(facts: CardFacts) -> str:
    """The card's own word; of a product that ships read-only it lifts nothing."""
    if facts.rules.read_only:
        return f'proved = {{ value = "none", source = "as {facts.profile}" }}    # read-only; trace, card'
    return 'proved = { value = "standard", source = "what the card says of itself" }    # trace, card; none: read-only'


def _match(facts: CardFacts, signs: CardSigns) -> Iterator[str]:
    yield from ("", "[match]", 'source = "read from the card"')
    yield f"atr = [{{ value = {_text(facts.atr.hex().upper())} }}]"
    if signs.aid:
        yield f"aid = [{_text(signs.aid.hex().upper())}]"
    for key, text in (("label", signs.label), ("manufacturer", signs.manufacturer)):
        if text:
            yield f"{key} = {_exactly(text)}"
    for issuer in signs.issuers:
        yield f"# issuer = {_exactly(issuer)}"


def _pin(generic: Profile, code: CodeObject | None) -> Iterator[str]:
    yield from ("", "[pin]", *_lengths("pin", generic, code))
    yield _value(generic, "pin", "tries")


def _puk(generic: Profile, code: CodeObject | None) -> Iterator[str]:
    yield from ("", "[puk]", *_lengths("puk", generic, code))
    yield from (_value(generic, "puk", "tries"), _value(generic, "puk", "floor"))
    if code is None:
        yield "# the card lists no PUK: reference, stored_length, pad (docs/profiles.md)"


def _lengths(table: str, generic: Profile, code: CodeObject | None) -> Iterator[str]:
    """The card's own word where it gives one that is stricter than the standard's. PIV cards describe no code."""
    described_code = None if generic.kind == "piv" else code
    rules = generic.puk if table == "puk" else generic.pin
    if described_code is not None and rules.min_length < described_code.min_length <= rules.max_length:
        yield f"min_length = {{ value = {described_code.min_length}, {_OWN_WORD} }}"
    else:
        yield _value(generic, table, "min_length")
    if (
        described_code is not None
        and max(described_code.min_length, rules.min_length) <= described_code.max_length < rules.max_length
    ):
        yield f"max_length = {{ value = {described_code.max_length}, {_OWN_WORD} }}"
    else:
        yield _value(generic, table, "max_length")
    yield _value(generic, table, "charset")


def _commands(generic: Profile, pad: int | None) -> Iterator[str]:
    yield from ("", "[commands]")
    if pad is not None:
        yield f"pad = {{ value = 0x{pad:02X}, {_TAKEN} }}"
    yield _value(generic, "commands", "counter") + "    # empty-verify only once it is known to use no try"
    yield _value(generic, "commands", "counter_of_puk")
    yield _value(generic, "commands", "unblock") + "    # puk-and-new, puk, verify-then-new, verify-then-reset"
    yield from ("", "[unblocking]", _value(generic, "unblocking", "by") + "    # holder, administrator")
    if generic.kind == "piv":
        yield from (
            "",
            "[piv]",
            *(_value(generic, "piv", key) for key in ("discovery", "serial", "metadata", "management")),
        )


def _value(generic: Profile, table: str, key: str) -> str:
    """A key as the generic profile has it, with its source; what is but a default is unverified."""
    value, source = getattr(getattr(generic, table), key), generic.evidence.get(f"{table}.{key}")
    word = _UNVERIFIED if source is None else f"source = {_text(source)}"
    return f"{key} = {{ value = {_text(value) if isinstance(value, str) else str(value).lower()}, {word} }}"


def _loa(facts: CardFacts) -> Iterator[str]:
    yield from ("", "[certificates]", _UNVERIFIED)
    yield 'card_number = "token:serial"    # extension:OID, subject:NAME'
    for oid in policies_of(facts):
        yield f"# loa = {{ {_text(oid)} = 3 }}"


def policies_of(facts: CardFacts) -> tuple[str, ...]:
    """Certificate policies of the certificates that log in or sign, as dotted OIDs."""
    return tuple(sorted({oid for c in facts.certificates if c.purpose != "other" for oid in _policies(c.der)}))


def with_value(profile: str, key: str, value: object, source: str) -> str:
    """The text of a draft with another value, and where it is known from. `key` is dotted; tables are those of a draft.

    >>> print(with_value("[pin]\\ntries = { value = 5, unverified = true }", "pin.tries", 3, "measured"))
    [pin]
    tries = { value = 3, source = "measured" }
    """
    table, _, name = key.rpartition(".")
    shown = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        shown = "{ " + ", ".join(f"{json.dumps(each)} = {json.dumps(of)}" for each, of in value.items()) + " }"
    line = f"{name} = {shown if name in NAMING else f'{{ value = {shown}, source = {_text(source)} }}'}"
    lines = profile.split("\n")
    begin = lines.index(f"[{table}]") + 1 if table else 0
    end = next((at for at in range(begin, len(lines)) if lines[at].startswith("[")), len(lines))
    place = next((at for at in range(begin, end) if lines[at].startswith(f"{name} = ")), None)
    if place is None:
        lines.insert(begin, line)
    else:
        lines[place] = line
    return "\n".join(lines)


def _signing(algorithms: Sequence[AlgorithmInfo], measured: Sequence[tuple[bool, SignatureForm]]) -> Iterator[str]:
    """Yield how it has signed, then what it tells; a card of which nothing is known is asked in the usual forms."""
    for elliptic, form in measured:
        yield from _form(elliptic, form, "measured on this card: it gave a signature that verified")
    listed = [entry for entry in forms_of_algorithms(algorithms) if entry not in measured]
    for elliptic, form in listed:
        yield from _form(elliptic, form, "the card's own list of algorithms (TokenInfo)")
    if not measured and not listed:
        yield from ("", "# signing: the card tells no algorithms; the usual forms are tried (docs/profiles.md)")


def _form(elliptic: bool, form: SignatureForm, source: str) -> Iterator[str]:
    yield from ("", "[[signing.forms]]", f"source = {_text(source)}")
    yield f"keys = {_text('ec' if elliptic else 'rsa')}"
    yield f"template = [{', '.join(_text(part) for part in form.template)}]"
    yield f"algorithm = 0x{form.algorithm:02X}"
    yield f"input = {_text(form.input)}"
    yield f"operation = {_text(form.operation)}"
    yield f"padding = {_text(form.padding)}"


def _policies(der: bytes) -> tuple[str, ...]:
    try:
        certificate = x509.load_der_x509_certificate(der)
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except (x509.ExtensionNotFound, *PARSE_FAULTS):
        return ()
    return tuple(policy.policy_identifier.dotted_string for policy in policies)


def issuers_of(ders: Iterable[bytes]) -> tuple[str, ...]:
    """Issuers of certificates, each once, as RFC 4514 writes them; what is no certificate has none."""
    issuers: list[str] = []
    for der in ders:
        try:
            issuers.append(x509.load_der_x509_certificate(der).issuer.rfc4514_string())
        except PARSE_FAULTS:
            continue
    return tuple(dict.fromkeys(issuers))


def _exactly(text: str) -> str:
    """Return a pattern for that text alone; for what does not print, any character."""
    return _text("^" + "".join(re.escape(c) if c.isprintable() else "(?s:.)" for c in text) + "$")


def _text(text: str) -> str:
    """A TOML basic string; what does not print is left out."""
    return json.dumps("".join(c for c in text if c.isprintable()), ensure_ascii=False)

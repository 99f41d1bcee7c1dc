"""Signature algorithm negotiation: the forms in which a card may want to be asked for a signature, likeliest first. Pure.

Cards differ in MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4 11.5.11): which algorithm reference, the key by its reference or its
file, or none at all; and in what follows: COMPUTE DIGITAL SIGNATURE with the hash, after PSO: HASH, or INTERNAL AUTHENTICATE.

Rules:
- The product profile's forms come first, then those that TokenInfo and PrKDF tell, then a short list for every card; where the
  profile says nothing of signing, what the card tells goes before the profile's default.
- A form that gave a signature which verified, or else whose environment was taken, is remembered for the product
  (`SignatureFormCache`) and goes before all others.
- RSA is signed as PKCS#1 v1.5 over SHA-256 (or PSS where profile or card say so), ECDSA over the hash that goes with the curve.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.reader import tlv
from drivers.reader.pkcs15.values import AlgorithmInfo, KeyObject
from drivers.reader.profiles import Signing
from drivers.reader.profiles.tables import SigningForm, TemplatePart

Input = Literal["digest-info", "hash"]
Operation = Literal["pso", "pso-hash", "internal-authenticate"]
Padding = Literal["pkcs1", "pss"]
CKM_RSA_PKCS, CKM_RSA_PSS, CKM_SHA256_RSA, CKM_SHA256_RSA_PSS = 0x0001, 0x000D, 0x0040, 0x0043
CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384 = 0x1041, 0x1044, 0x1045
"""Mechanisms by PKCS#11, as AlgorithmInfo names algorithms (ISO/IEC 7816-15 8.10)."""
_RSA_TOLD: dict[int, tuple[Input, Padding]] = {
    CKM_RSA_PKCS: ("digest-info", "pkcs1"),
    CKM_SHA256_RSA: ("hash", "pkcs1"),
    CKM_RSA_PSS: ("hash", "pss"),
    CKM_SHA256_RSA_PSS: ("hash", "pss"),
}
_EC_TOLD = (CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384)
_BY_KEY: tuple[TemplatePart, ...] = ("algorithm", "key")
_BY_FILE: tuple[TemplatePart, ...] = ("algorithm", "file")
MAX_PRODUCTS = 32


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """One way to ask for a signature. An empty template: no environment is set."""

    template: tuple[TemplatePart, ...]
    algorithm: int
    input: Input = "digest-info"
    """Of RSA with PKCS#1 v1.5: what the card gets. Every other kind gets the bare hash."""
    operation: Operation = "pso"
    padding: Padding = "pkcs1"

    def fits(self, key: KeyObject) -> bool:
        """The key has what the template names."""
        return "file" not in self.template or bool(key.path)

    def control_reference(self, key: KeyObject) -> bytes:
        """The control reference template (ISO/IEC 7816-4 table 78)."""
        parts: dict[TemplatePart, bytes] = {
            "algorithm": tlv.encode(0x80, bytes((self.algorithm,))),
            "file": tlv.encode(0x81, key.path[-2:]),
            "key": tlv.encode(0x84, bytes((key.reference,))),
        }
        return b"".join(parts[name] for name in self.template)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Kind and use of a key: `hash_bits` of its scheme; `identifies`: the key is not one for signatures."""

    elliptic: bool
    hash_bits: int
    identifies: bool


def candidates(
    rules: Signing,
    key: KeyObject,
    use: KeyUse,
    algorithms: Sequence[AlgorithmInfo] = (),
    cached: SignatureForm | None = None,
) -> tuple[SignatureForm, ...]:
    """Every form to try, each once."""
    own, by_card = list(_of_profile(rules, use)), list(_of_card(key, use, algorithms))
    first = [*own, *by_card] if rules.model_fields_set else [*by_card, *own]
    usual = _for_ecdsa(use) if use.elliptic else _for_rsa(use)
    every = [*([cached] if cached else []), *first, *usual]
    return tuple(form for form in dict.fromkeys(every) if form.fits(key))


def _of_profile(rules: Signing, use: KeyUse) -> Iterator[SignatureForm]:
    for form in rules.forms:
        if form.keys in ("ec" if use.elliptic else "rsa", "all"):
            yield _from_profile(form)
    mutual = use.identifies and rules.identification == "internal-authenticate"
    operation: Operation = "internal-authenticate" if mutual else "pso"
    if use.elliptic:
        yield SignatureForm(rules.template, rules.ecdsa, "hash", operation)
    else:
        data: Input = "hash" if rules.padding == "pss" else "digest-info"
        yield SignatureForm(rules.template, rules.rsa, data, operation, rules.padding)


def _from_profile(form: SigningForm) -> SignatureForm:
    return SignatureForm(form.template, form.algorithm, form.input, form.operation, form.padding)


def _of_card(key: KeyObject, use: KeyUse, algorithms: Iterable[AlgorithmInfo]) -> Iterator[SignatureForm]:
    """By the algorithms that the key lists, or all that the card has where it lists none."""
    own = [algorithm for algorithm in algorithms if not key.algorithms or algorithm.number in key.algorithms]
    return (form for elliptic, form in forms_of_algorithms(own) if elliptic is use.elliptic)


def forms_of_algorithms(algorithms: Iterable[AlgorithmInfo]) -> Iterator[tuple[bool, SignatureForm]]:
    """The forms of algorithms with a reference of the card's own, each with whether it is for elliptic keys."""
    for algorithm in algorithms:
        if algorithm.reference is not None and algorithm.mechanism in _EC_TOLD:
            yield True, SignatureForm(_BY_KEY, algorithm.reference, "hash")
        elif algorithm.reference is not None and algorithm.mechanism in _RSA_TOLD:
            data, padding = _RSA_TOLD[algorithm.mechanism]
            yield False, SignatureForm(_BY_KEY, algorithm.reference, data, padding=padding)


def _for_rsa(use: KeyUse) -> Iterator[SignatureForm]:
    yield SignatureForm(_BY_KEY, 0x02)
    yield SignatureForm(_BY_FILE, 0x02)
    yield SignatureForm(_BY_KEY, 0x11)
    yield SignatureForm(_BY_KEY, 0x42, "hash")
    yield SignatureForm(_BY_KEY, 0x12, "hash")
    yield SignatureForm(("key",), 0)
    yield SignatureForm((), 0)
    yield SignatureForm((), 0, "hash")
    yield SignatureForm(_BY_KEY, 0x42, "hash", "pso-hash")
    if use.identifies:
        yield SignatureForm(_BY_KEY, 0x02, operation="internal-authenticate")
        yield SignatureForm((), 0, operation="internal-authenticate")


def _for_ecdsa(use: KeyUse) -> Iterator[SignatureForm]:
    hashed = {256: 0x44, 384: 0x54}.get(use.hash_bits, 0x44)
    yield SignatureForm(_BY_KEY, 0x04, "hash")
    yield SignatureForm(_BY_FILE, 0x04, "hash")
    yield SignatureForm(_BY_KEY, 0x21, "hash")
    yield SignatureForm(_BY_KEY, hashed, "hash")
    yield SignatureForm(("key",), 0, "hash")
    yield SignatureForm((), 0, "hash")
    yield SignatureForm(_BY_KEY, hashed, "hash", "pso-hash")
    if use.identifies:
        yield SignatureForm(_BY_KEY, 0x04, "hash", "internal-authenticate")
        yield SignatureForm((), 0, "hash", "internal-authenticate")


@dataclass(frozen=True, slots=True)
class FormEvidence:
    """In which form a product signs. `proven`: it gave a signature that verified; else the card took the environment, or where
    `form` is None, none of them."""

    form: SignatureForm | None
    proven: bool = True
    refused: frozenset[SignatureForm] = frozenset()
    """Forms whose environment was refused before a code: they are tried last."""


class SignatureFormCache:
    """Forms that products took, by product and kind of key: the last `MAX_PRODUCTS` of them."""

    def __init__(self) -> None:
        self._forms: dict[tuple[bytes, str, KeyUse], FormEvidence] = {}

    def recall(self, atr: bytes, profile: str, use: KeyUse) -> FormEvidence | None:
        """The form that this product took last."""
        return self._forms.get((atr, profile, use))

    def proven(self, atr: bytes, profile: str) -> tuple[tuple[bool, SignatureForm], ...]:
        """The forms that gave this product's signatures, each once, with whether it is for elliptic keys."""
        entries = [(use, evidence) for (*of, use), evidence in self._forms.items() if of == [atr, profile]]
        taken = ((use.elliptic, evidence.form) for use, evidence in entries if evidence.form and evidence.proven)
        return tuple(dict.fromkeys(taken))

    def keep(self, atr: bytes, profile: str, use: KeyUse, evidence: FormEvidence) -> None:
        """Keep the evidence that a form gave a signature, or that an environment was taken."""
        self._forms.pop((atr, profile, use), None)
        self._forms[(atr, profile, use)] = evidence
        while len(self._forms) > MAX_PRODUCTS:
            del self._forms[next(iter(self._forms))]

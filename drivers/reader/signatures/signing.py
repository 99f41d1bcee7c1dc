"""Digital signature by a key of the card, verified against its certificate before anyone gets it.

The hash is made here; the card gets a DigestInfo that it pads itself (RSA, PKCS#1 v1.5) or the bare hash. In which form a card
wants to be asked is negotiated (`signature_forms`): a card that refuses one is asked in the next, and a form that was taken is
remembered, so that a known product costs its own commands and no more, MANAGE SECURITY ENVIRONMENT and the signature.

Rules: a refused environment costs nothing, also before a code (`probe`); a signature that does not verify is a fault of the card,
and no other form is tried after it, but where a guess named no key; nor is one after a status word that asks for a code or counts
a try; at most `MAX_EXCHANGES` for one signature.

>>> digest_info(b"").hex()[:38]
'3031300d060960864801650304020105000420'
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from drivers.reader import iso7816
from drivers.reader.apdu import CommandApdu, ResponseApdu, StatusWord
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import (
    Locked,
    RefusalReason,
    Refused,
    Signability,
    Signed,
    SignOutcome,
    Unknown,
    WrongCode,
)
from drivers.reader.pin.code_commands import outcome_of_status
from drivers.reader.pkcs15.values import AlgorithmInfo, KeyObject
from drivers.reader.profiles import Profile
from drivers.reader.signatures.signature_forms import (
    FormEvidence,
    KeyUse,
    SignatureForm,
    SignatureFormCache,
    candidates,
)
from drivers.reader.transport.channel import ApduChannel

MAX_EXCHANGES = 32
"""Most APDUs for one signature of a card that nothing is known of."""
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo for SHA-256, up to the hash (RFC 8017 9.2, note 1)."""
_WANTS_CODE = (StatusWord.SECURITY_NOT_SATISFIED, StatusWord.CONDITIONS_NOT_SATISFIED)


@dataclass(frozen=True, slots=True)
class Scheme:
    """Scheme by which a message is signed with one kind of key. `algorithm` is a JOSE name."""

    algorithm: str
    hash: type[hashes.SHA256] | type[hashes.SHA384]

    def digest(self, message: bytes) -> bytes:
        """The hash of the message."""
        return hashlib.new(self.hash.name, message).digest()


PS256 = Scheme("PS256", hashes.SHA256)
RS256 = Scheme("RS256", hashes.SHA256)
ES256 = Scheme("ES256", hashes.SHA256)
ES384 = Scheme("ES384", hashes.SHA384)
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
_CURVES = {"secp256r1": ES256, "secp384r1": ES384}


def digest_info(message: bytes) -> bytes:
    """DigestInfo of a message's SHA-256 (RFC 8017 9.2)."""
    return _SHA256_PREFIX + hashlib.sha256(message).digest()


def scheme_of(key: object) -> Scheme | None:
    """Signature scheme of a public key; None for an unsupported kind."""
    if isinstance(key, rsa.RSAPublicKey):
        return RS256
    return _CURVES.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None


def verifies(der: bytes, message: bytes, signature: bytes, algorithm: str = "") -> bool:
    """Is it a signature over that message by the key of that certificate? ECDSA in DER, or RSA PKCS#1 v1.5; PSS where
    the algorithm is PS256.

    Raises ValueError where `der` is no certificate or its key is of another kind.
    """
    return verifies_with(x509.load_der_x509_certificate(der).public_key(), message, signature, algorithm)


def verifies_with(key: object, message: bytes, signature: bytes, algorithm: str = "") -> bool:
    """As `verifies`, by a public key. Raises ValueError for a kind of key that is not known here."""
    scheme = scheme_of(key)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            how = _PSS if algorithm == PS256.algorithm else padding.PKCS1v15()
            key.verify(signature, message, how, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme is not None:
            key.verify(signature, message, ec.ECDSA(scheme.hash()))
        else:
            raise ValueError("a kind of key that is not known here")
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True)
class SigningProfile:
    """Signing parameters of a card: its profile, the algorithms that it tells, and forms that were taken before."""

    profile: Profile
    algorithms: tuple[AlgorithmInfo, ...] = ()
    forms: SignatureFormCache = field(default_factory=SignatureFormCache)

    def candidates(self, key: KeyObject, use: KeyUse, evidence: FormEvidence | None) -> tuple[SignatureForm, ...]:
        """Every form to try with that key, likeliest first."""
        form_evidence = evidence or FormEvidence(None)
        forms = candidates(self.profile.signing, key, use, self.algorithms, form_evidence.form)
        return tuple(sorted(forms, key=lambda form: form in form_evidence.refused))

    def is_known(self, evidence: FormEvidence | None) -> bool:
        """Somebody has said how this product signs, or it has signed: a key that signs in no form is at fault."""
        return bool(self.profile.signing.model_fields_set) or (evidence is not None and evidence.proven)

    def has_form(self, form: SignatureForm, evidence: FormEvidence | None) -> bool:
        """Return whether that form is no guess."""
        return bool(self.profile.signing.model_fields_set) or evidence == FormEvidence(form)


def sign(
    channel: ApduChannel, product: SigningProfile, key: KeyObject, certificate: bytes, purpose: Purpose, message: bytes
) -> SignOutcome:
    """Sign a message. Raises CardGoneError before the card was asked to sign, CardAnswerError for a false signature."""
    public = x509.load_der_x509_certificate(certificate).public_key()
    return sign_by(channel, product, key, SigningKey(public, certificate), purpose, message)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public half of a key, and the DER of its certificate; empty for a key that has none yet."""

    public: object
    certificate: bytes = b""


def sign_by(
    channel: ApduChannel, product: SigningProfile, key: KeyObject, signer: SigningKey, purpose: Purpose, message: bytes
) -> SignOutcome:
    """As `sign`, with a key that may have no certificate yet."""
    scheme = scheme_of(signer.public)
    if scheme is None:
        return Refused(RefusalReason.KEY_KIND)
    use = _use(scheme, purpose)
    atr, profile = channel.connection.atr, product.profile
    evidence = product.forms.recall(atr, profile.name, use)
    request = SignatureRequest(signer.public, message, scheme, signer.certificate)
    refusals, lacking, before = list[tuple[bool, Refused]](), set[int](), channel.exchange.apdus
    for form in product.candidates(key, use, evidence):
        if channel.exchange.apdus - before >= MAX_EXCHANGES:
            break
        names_key = bool(form.template) or product.has_form(form, evidence)
        outcome = (
            _in_form(channel, form, key, request, lacking)
            if names_key
            else _guess(channel, form, key, request, lacking)
        )
        if isinstance(outcome, Signed):
            product.forms.keep(atr, profile.name, use, FormEvidence(form))
        if not isinstance(outcome, Refused) or _is_final(outcome, names_key=names_key):
            return outcome
        refusals.append((not names_key, outcome))
    if not refusals:
        return Refused(RefusalReason.NOT_ALLOWED)
    refused = min(refusals, key=lambda refusal: refusal[0])[1]
    return refused if product.is_known(evidence) else replace(refused, reason=RefusalReason.NO_FORM)


def _use(scheme: "Scheme", purpose: Purpose) -> KeyUse:
    return KeyUse(scheme is not RS256, scheme.hash.digest_size * 8, purpose != "signature")


def probe(
    channel: ApduChannel, product: SigningProfile, key: KeyObject, public: object, purpose: Purpose
) -> Signability:
    """Tell whether the card may sign with that key, before any code: of a product that nothing is known of, by its security
    environments. One that is refused costs an exchange and nothing else, and so does the one that is taken: it is set again after
    the code.

    Raises CardGoneError.
    """
    scheme = scheme_of(public)
    if scheme is None:
        return "doubtful"
    use, atr, profile = _use(scheme, purpose), channel.connection.atr, product.profile
    evidence = product.forms.recall(atr, profile.name, use)
    if product.is_known(evidence):
        return "known"
    if evidence is None:
        evidence = _try_environments(channel, key, product.candidates(key, use, None))
        product.forms.keep(atr, profile.name, use, evidence)
    return "doubtful" if evidence.form is None else "likely"


def _try_environments(channel: ApduChannel, key: KeyObject, forms: Sequence[SignatureForm]) -> FormEvidence:
    """Up to the first environment that the card takes. A card that wants the code first, or has no MANAGE SECURITY ENVIRONMENT,
    tells nothing: the likeliest form that is left may do."""
    refused = set[CommandApdu]()
    accepted: SignatureForm | None = None
    for form in forms:
        command = _environment(form, key)
        if command is None or command in refused:
            continue
        response = channel.send(command)
        if response.ok or response.sw in _WANTS_CODE:
            accepted = form
            break
        if response.sw == StatusWord.INS_NOT_SUPPORTED:
            accepted = next((bare for bare in forms if not bare.template), None)
            break
        refused.add(command)
    last = frozenset(form for form in forms if _environment(form, key) in refused)
    return FormEvidence(accepted, proven=False, refused=last)


def _guess(
    channel: ApduChannel, form: SignatureForm, key: KeyObject, request: "SignatureRequest", lacking: set[int]
) -> SignOutcome:
    """As `_in_form`, of a form that names no key: another one of the card may have signed."""
    try:
        return _in_form(channel, form, key, request, lacking)
    except CardAnswerError:
        return Refused(RefusalReason.CARD)


def _in_form(
    channel: ApduChannel, form: SignatureForm, key: KeyObject, request: "SignatureRequest", lacking: set[int]
) -> SignOutcome:
    """One try. `lacking` are instructions that the card does not know: they are not sent again."""
    steps = _steps(form, key, request)
    *before, last = steps
    if lacking & {step.ins for step in steps}:
        return Refused(RefusalReason.CARD, StatusWord.INS_NOT_SUPPORTED)
    for step in before:
        response = channel.send(step)
        if not response.ok:
            return _note_unsupported(Refused(RefusalReason.CARD, response.sw), step, lacking)
    scheme = PS256 if form.padding == "pss" and request.scheme is RS256 else request.scheme
    return _note_unsupported(request_signature(channel, last, replace(request, scheme=scheme)), last, lacking)


def _note_unsupported(outcome: SignOutcome, command: CommandApdu, lacking: set[int]) -> SignOutcome:
    if isinstance(outcome, Refused) and outcome.status == StatusWord.INS_NOT_SUPPORTED:
        lacking.add(command.ins)
    return outcome


def _is_final(outcome: Refused, *, names_key: bool) -> bool:
    """The card did not refuse the form: it wants a code first for the key that was named, or counted a try."""
    wants_code = names_key and outcome.status == StatusWord.SECURITY_NOT_SATISFIED
    return wants_code or outcome.tries_left is not None


def _steps(form: SignatureForm, key: KeyObject, request: "SignatureRequest") -> list[CommandApdu]:
    """The commands of a form; the last one answers the signature."""
    digest_info_wanted = request.scheme is RS256 and form.input == "digest-info" and form.padding == "pkcs1"
    data = digest_info(request.message) if digest_info_wanted else request.scheme.digest(request.message)
    environment = _environment(form, key)
    steps = [] if environment is None else [environment]
    if form.operation == "pso-hash":
        return [*steps, iso7816.hand_over_hash(data), iso7816.compute_signature_of_hash()]
    mutual = form.operation == "internal-authenticate"
    return [*steps, iso7816.internal_authenticate(data) if mutual else iso7816.compute_signature(data)]


def _environment(form: SignatureForm, key: KeyObject) -> CommandApdu | None:
    """MANAGE SECURITY ENVIRONMENT of a form; None where it sets none."""
    if not form.template:
        return None
    mutual = form.operation == "internal-authenticate"
    prepare = iso7816.set_authentication_environment if mutual else iso7816.set_signature_environment
    return prepare(form.control_reference(key))


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """Signature request: what the card's answer is verified against."""

    key: object
    message: bytes
    scheme: Scheme
    certificate: bytes


def request_signature(
    channel: ApduChannel, command: CommandApdu, request: SignatureRequest, unwrap: Callable[[bytes], bytes] = bytes
) -> SignOutcome:
    """Have the card sign, and check what it says; `unwrap` takes the signature out of the answer.

    Raises CardAnswerError for a false signature.
    """
    channel.committed = True
    try:
        response = channel.send(command)
    except (CardGoneError, CardAnswerError):
        return Unknown()
    channel.committed = False
    if not response.ok:
        return _refusal(response)
    for signature in _forms(unwrap(response.data), request.scheme):
        if verifies_with(request.key, request.message, signature, request.scheme.algorithm):
            return Signed(signature, request.scheme.algorithm, request.certificate)
    raise CardAnswerError("a signature that is not its key's", reader=channel.reader, command=command.name)


def _refusal(response: ResponseApdu) -> Refused | Locked:
    outcome = outcome_of_status(response)
    if isinstance(outcome, Refused | Locked):
        return outcome
    left = outcome.tries_left if isinstance(outcome, WrongCode) else None
    return Refused(RefusalReason.CARD, response.sw, left)


def _forms(answer: bytes, scheme: Scheme) -> list[bytes]:
    """As it came, and for ECDSA also read as bare r and s of equal length (ISO/IEC 7816-8 and most cards)."""
    if scheme in (RS256, PS256) or not answer or len(answer) % 2:
        return [answer]
    half = len(answer) // 2
    r, s = int.from_bytes(answer[:half], "big"), int.from_bytes(answer[half:], "big")
    return [answer, encode_dss_signature(r, s)]

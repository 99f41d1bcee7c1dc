"""Keys on a PKCS#11 token, named by a URI (RFC 7512). The one module that imports python-pkcs11.

    pkcs11:token=fleet;object=kortkiosk-ca?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/kortkiosk/fleet.pin

`module-path` is the token's library. `pin-source` is a file that its owner alone reads; without one the PIN is asked for. A key
is made on the token, cannot be taken out of it, and signs there (CKM_ECDSA over the SHA-256 that is made here).

>>> renamed("pkcs11:token=fleet;object=kortkiosk-ca?module-path=/x.so", "kortkiosk-ca-2")
'pkcs11:token=fleet;object=kortkiosk-ca-2?module-path=/x.so'
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pkcs11
from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11.util.ec import encode_named_curve_parameters

from provisioning.keys.remote_key import RemoteKey
from provisioning.keys.secrets import KeyFileError, SecretFileError, Unlock, read_secret

SIZE = 32


@dataclass(frozen=True, slots=True)
class TokenUri:
    """The parts of a URI that are used."""

    token: str
    object: str
    module: str
    pin_source: Path | None

    @classmethod
    def parse(cls, text: str) -> "TokenUri":
        """Raises KeyFileError, which names what is missing."""
        path, _, query = text.strip().removeprefix("pkcs11:").partition("?")
        named = dict(_pairs(path, ";") + _pairs(query, "&"))
        for name in ("token", "object", "module-path"):
            if not named.get(name):
                raise KeyFileError(f"the PKCS#11 URI names no {name}: pkcs11:token=...;object=...?module-path=...")
        source = named.get("pin-source", "").removeprefix("file:")
        return cls(named["token"], named["object"], named["module-path"], Path(source) if source else None)


def renamed(text: str, label: str) -> str:
    """The URI of another object on the same token."""
    path, mark, query = text.strip().removeprefix("pkcs11:").partition("?")
    parts = [part for part in path.split(";") if not part.startswith("object=")]
    return f"pkcs11:{';'.join([*parts, f'object={quote(label)}'])}{mark}{query}"


def open_key(text: str, unlock: Unlock) -> ec.EllipticCurvePrivateKey:
    """The key that the URI names. Raises KeyFileError."""
    uri = TokenUri.parse(text)
    try:
        session = _session(uri, unlock)
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=uri.object)
        public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=uri.object)
        point = core.OctetString.load(public[pkcs11.Attribute.EC_POINT]).native
    except (pkcs11.PKCS11Error, RuntimeError, ValueError) as error:
        raise KeyFileError(f"token {uri.token}, {uri.object}: {_reason(error)}") from None
    return RemoteKey(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), partial(_sign, uri, private))


def make_key(text: str, unlock: Unlock) -> bytes:
    """Make a key on the token, under the name in the URI or, where that is taken, with a number behind it; gives the content of
    its key file. Raises KeyFileError."""
    uri = TokenUri.parse(text)
    try:
        session = _session(uri, unlock)
        stem, number = re.sub(r"-\d+\Z", "", uri.object), 1
        while list(session.get_objects({pkcs11.Attribute.LABEL: uri.object})):
            number += 1
            uri = TokenUri.parse(text := renamed(text, f"{stem}-{number}"))
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        parameters.generate_keypair(
            store=True,
            label=uri.object,
            id=uri.object.encode(),  # other programs find a key by it
            capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
            private_template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
        )
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise KeyFileError(f"token {uri.token}, {uri.object}: {_reason(error)}") from None
    return f"{text.strip()}\n".encode()


def _sign(uri: TokenUri, private: Any, data: bytes) -> bytes:
    try:
        raw = private.sign(hashlib.sha256(data).digest(), mechanism=pkcs11.Mechanism.ECDSA)
    except pkcs11.PKCS11Error as error:
        raise KeyFileError(f"token {uri.token}, {uri.object}: {_reason(error)}") from None
    return encode_dss_signature(int.from_bytes(raw[:SIZE], "big"), int.from_bytes(raw[SIZE:], "big"))


def _session(uri: TokenUri, unlock: Unlock) -> pkcs11.Session:
    if uri.pin_source is not None:
        try:
            return _log_in(uri.module, uri.token, read_secret(uri.pin_source))
        except SecretFileError as error:
            raise KeyFileError(str(error)) from None
    return _log_in(uri.module, uri.token, unlock(f"PIN of token {uri.token}"))


@cache
def _log_in(module: str, token: str, pin: bytes) -> pkcs11.Session:
    """One session for all keys of a token: a user logs in to it once."""
    return pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin.decode("utf-8", "replace"))


def _pairs(text: str, separator: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in text.split(separator) if part)
    return [(name, unquote(value)) for name, _, value in pairs]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

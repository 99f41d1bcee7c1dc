"""A key that signs elsewhere: of the `EllipticCurvePrivateKey` that it is to its users only the public part is here."""

from collections.abc import Callable
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

Sign = Callable[[bytes], bytes]
"""The ECDSA signature of some data with SHA-256, in DER."""


class RemoteKey(ec.EllipticCurvePrivateKey):
    """On P-256; signs with SHA-256 and nothing else."""

    def __init__(self, public: ec.EllipticCurvePublicKey, sign: Sign) -> None:
        self._public, self._sign = public, sign

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Raises what `sign` raises; ValueError for another hash."""
        hashing = signature_algorithm.algorithm
        if getattr(hashing, "name", "") != "sha256":
            raise ValueError("this key signs with SHA-256 alone")
        return self._sign(bytes(data))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        raise TypeError("this key signs, and agrees on no secret")

    def private_numbers(self) -> NoReturn:
        raise TypeError("the private part is not here")

    def private_bytes(self, *_arguments: Any, **_named: Any) -> NoReturn:
        raise TypeError("the private part is not here")

    def __copy__(self) -> "RemoteKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "RemoteKey":
        return self

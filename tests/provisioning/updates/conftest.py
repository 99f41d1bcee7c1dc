"""An authority that signs bundles, and one small bundle, made once."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import pytest

from provisioning.authority import Authority
from provisioning.updates.bundle import SIGNER, Images, Target, issue_signer, make_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`now` is the machine's: RAUC judges certificates by it."""
    folder, now = tmp_path_factory.mktemp("bundles"), datetime.now(UTC).replace(microsecond=0)
    authority = Authority.init(folder / "authority", [], now - timedelta(days=900))
    issue_signer(authority, now)
    noise = Random(16)
    images = Images(*(folder / name for name in ("root", "verity", "boot-a", "boot-b")))
    for size, path in zip((700_000, 9_000, 40_000, 40_000), astuple(images), strict=True):
        path.write_bytes(noise.randbytes(size))
    signer = authority.directory / SIGNER
    bundle = make_bundle(folder / "image.raucb", images, "kortkiosk-test", "2026.48.1", signer)
    return SimpleNamespace(
        path=folder / "image.raucb",
        bundle=bundle,
        images=images,
        authority=authority,
        now=now,
        target=Target(authority.directory / "ca/ca.pem", "kortkiosk-test", "2026.47"),
    )

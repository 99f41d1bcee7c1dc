"""An authority that signs update bundles, and one small bundle of it, made by RAUC."""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from provisioning.authority import Authority
from provisioning.updates.bundle import SIGNER, Bundle, Images, Target, issue_signer, make_bundle


@dataclass(frozen=True)
class MadeBundle:
    """`now` is the machine's: RAUC judges certificates by it."""

    path: Path
    bundle: Bundle
    images: Images
    authority: Authority
    now: datetime
    target: Target


def small_bundle(folder: Path) -> MadeBundle:
    """Version 2026.48.1 for machines `kortkiosk-test`. Raises BundleError where there is no RAUC."""
    now = datetime.now(UTC).replace(microsecond=0)
    authority = Authority.init(folder / "authority", [], now - timedelta(hours=1))
    issue_signer(authority, now)
    noise = Random(16)
    images = Images(*(folder / name for name in ("root", "verity", "boot-a", "boot-b")))
    for size, path in zip((700_000, 9_000, 40_000, 40_000), astuple(images), strict=True):
        path.write_bytes(noise.randbytes(size))
    path = folder / "image.raucb"
    bundle = make_bundle(path, images, "kortkiosk-test", "2026.48.1", authority.directory / SIGNER)
    target = Target(authority.directory / "ca/ca.pem", "kortkiosk-test", "2026.47")
    return MadeBundle(path, bundle, images, authority, now, target)

"""Papers of an image: what it is made of and which digests its files have, for who buys it, checks it or keeps it.

    root.cdx.json     Debian's packages (CycloneDX 1.6, by debsbom)
    python.cdx.json   Python packages with their licences (CycloneDX 1.6, by cyclonedx-py)
    manifest.json     digest and size of every file, the root hash, the tools that built it
    manifest.json.p7s its signature (CMS), where a signer is named

The manifest is checked with:
    openssl cms -verify -binary -inform PEM -in manifest.json.p7s -content manifest.json -CAfile authority.pem -purpose any
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from image.commands import run
from image.layout import identifier
from image.steps import sha256_of

SCHEMA = "1.6"
TOOLS = ("mmdebstrap", "squashfs-tools", "cryptsetup-bin", "systemd-ukify", "systemd-boot-efi", "genimage")
"""Debian packages of the building machine that the bytes of an image hang on."""


def write_root_bill(tools: Path, status: Path, architecture: str, epoch: int, folder: Path) -> None:
    """The bill of Debian's packages. `status`: that of dpkg; `tools`: where debsbom is. Raises CommandError, OSError."""
    kept = folder / "root" / "var/lib/dpkg"
    kept.mkdir(parents=True)
    (kept / "status").write_bytes(status.read_bytes())
    when = datetime.fromtimestamp(epoch, UTC).isoformat()
    run(tools / "debsbom", "generate", "--root", folder / "root", "--sbom-type", "cdx", "--cdx-schema-version", SCHEMA,
        "--timestamp", when, "--cdx-serialnumber", identifier(f"bill {architecture} {epoch}"), "--distro-name", "kortkiosk",
        "--distro-arch", architecture, "--out", folder / "root.cdx.json")  # fmt: skip


def write_python_bill(tools: Path, site: Path, folder: Path) -> None:
    """The bill of the Python packages below `site`, and of nothing that this machine has. Raises CommandError, OSError."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec /usr/bin/python3 -S "$@"\n', "utf-8")
    python.chmod(0o755)
    run(tools / "cyclonedx-py", "environment", "--output-reproducible", "--sv", SCHEMA, "--output-file",
        folder / "python.cdx.json", python)  # fmt: skip


def manifest(architecture: str, version: str, epoch: int, roothash: str, files: Iterable[Path]) -> str:
    """Return what was built, as JSON with sorted keys. Raises CommandError, OSError."""
    versions = run("dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", *TOOLS)
    content = {
        "architecture": architecture,
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files},
        "roothash": roothash,
        "source_date_epoch": epoch,
        "tools": dict(line.split(" ", 1) for line in versions.splitlines()),
        "version": version,
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def sign(path: Path, signer: Path) -> Path:
    """The signature beside a file. `signer`: a certificate, its key beside it. Raises CommandError, OSError."""
    signature = path.with_name(f"{path.name}.p7s")
    run("openssl", "cms", "-sign", "-binary", "-in", path, "-outform", "PEM", "-out", signature, "-signer", signer,
        "-inkey", signer.with_suffix(".key"), "-md", "sha256")  # fmt: skip
    return signature

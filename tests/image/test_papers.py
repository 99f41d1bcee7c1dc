"""The manifest of an image, signed as an update is and checked by OpenSSL, which knows nothing of us."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from image import papers
from provisioning.authority import Authority
from provisioning.updates.bundle import SIGNER, issue_signer

NOW = datetime.now(UTC).replace(microsecond=0)  # OpenSSL looks at the clock
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def verify(folder: Path, authority: Path) -> int:
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", folder / "manifest.json.p7s", "-content",
               folder / "manifest.json", "-CAfile", authority, "-purpose", "any", "-out", folder / "said"]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False).returncode


@needs_openssl
def test_a_signed_manifest_is_believed_and_a_changed_one_is_not(tmp_path: Path) -> None:
    authority = Authority.init(tmp_path / "authority", ["fleet.example.test"], NOW)
    issue_signer(authority, NOW)
    path = tmp_path / "manifest.json"
    path.write_text('{"files": {}}\n')
    papers.sign(path, tmp_path / "authority" / SIGNER)
    root = tmp_path / "authority" / "ca/ca.pem"
    assert verify(tmp_path, root) == 0
    path.write_text('{"files": []}\n')
    assert verify(tmp_path, root) != 0


def test_a_manifest_names_each_file_with_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "run", lambda *_: "genimage 18-1\n")
    (tmp_path / "root.verity").write_bytes(b"abc")
    said = json.loads(papers.manifest("amd64", "2026.48.7", 1, "00", [tmp_path / "root.verity"]))
    assert said["version"] == "2026.48.7"
    assert said["files"]["root.verity"] == {
        "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    assert said["tools"] == {"genimage": "18-1"}

"""S11: what a revoked station's stolen key signs, shown to whoever verifies receipts; and that this client is nobody's kin."""

import ast
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.running.station import receipt_text
from tests.attacks.running.world import ROOT, World

PRODUCT = {"fleet", "kiosk", "drivers", "provisioning", "sim"}
HERE = Path(__file__).parent


def test_a_backdated_receipt_is_genuine(world: World, tmp_path: Path) -> None:
    """S11: a receipt of an earlier day, by a stolen and revoked key, is called genuine by who has no list of revocations"""
    stolen = world.identity("entre-gone")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    statement = {"n": "FP2N-AJF2-6DKHZ", "k": "pickup", "t": yesterday, "s": stolen.name, "c": "20260001"}
    text = receipt_text(stolen, {**statement, "h": "z_1v3ghtyix2zRiRRt60lf2wG74eFdAhR9F6ED8FjiE"})
    (tmp_path / "station.pem").write_bytes(stolen.certificate.public_bytes(Encoding.PEM))
    program = "import sys; from kiosk.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "verify-receipt", text, "--certificate", str(tmp_path / "station.pem")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3, done.stdout + done.stderr
    assert not done.stdout.startswith("Genuine"), done.stdout


def test_the_client_imports_nothing_of_the_product() -> None:
    """A fault of ours is on both sides of an attack"""
    for path in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] in PRODUCT], path
            assert not [n for n in names if n.startswith("tests.") and not n.startswith("tests.attacks.running")], path

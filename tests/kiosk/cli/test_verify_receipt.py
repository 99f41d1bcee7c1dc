"""Anybody with the fleet's public certificates can tell whether a receipt is real, and who signed it."""

import argparse
import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk.cli import verify_receipt
from kiosk.receipts import CardSignature, Receipt, ReceiptFacts, ReceiptPerson, draft_receipt, finish_receipt
from provisioning import pki

NOW = datetime(2026, 11, 25, 9, 46, 12, tzinfo=UTC)
Run = Callable[..., tuple[int, str]]
NO_LIST = ("no list",)


@dataclass(frozen=True)
class Paper:
    """A folder with ca.pem, station.pem and roots.pem, and a receipt by that station."""

    folder: Path
    receipt: Receipt

    def option(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def file(self) -> str:
        path = self.folder / "receipt.json"
        path.write_bytes(self.receipt.document)
        return str(path)


def _certificate(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )


def _name(common: str, hsa_id: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name(attributes + ([x509.NameAttribute(NameOID.SERIAL_NUMBER, hsa_id)] if hsa_id else []))


def _pair(folder: Path, ca_file: str, leaf: x509.Name) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _name(f"authority of {ca_file}")
    authority = _certificate(root, ca_key, root, ca_key)
    (folder / ca_file).write_bytes(authority.public_bytes(Encoding.PEM))
    listed = pki.make_crl(pki.Issuer(authority, ca_key), [], datetime.now(UTC))
    (folder / "crl.pem").write_bytes(listed)
    return key, _certificate(leaf, key, root, ca_key)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    return _paper(tmp_path_factory, "Åsa Lindström")


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    return _paper(tmp_path_factory, None)


def _paper(tmp_path_factory: pytest.TempPathFactory, holder: str | None) -> Paper:
    folder = tmp_path_factory.mktemp("trust")
    key, station = _pair(folder, "ca.pem", _name("east-1"))
    (folder / "station.pem").write_bytes(station.public_bytes(Encoding.PEM))
    beside = tmp_path_factory.mktemp("cards")
    card_key, card = _pair(beside, "roots.pem", _name("Åsa Lindström", "SE2321000999-7K2B"))
    facts = ReceiptFacts(
        "pickup", NOW, "east-1", "Östra entrén", "A-17", "9752269050826134",
        ReceiptPerson("SE2321000999-7K2B", holder), "old_card", None, None, "2026-1",
    )  # fmt: skip
    unsigned = draft_receipt(facts, "7F3A-91C2-K8M4A")
    der = card.public_bytes(Encoding.DER)
    made = card_key.sign(unsigned.signing_input(der), ec.ECDSA(hashes.SHA256()))
    chain = (station.public_bytes(Encoding.DER),)
    (folder / "holder.txt").write_bytes(card.public_bytes(Encoding.PEM))
    (folder / "roots.txt").write_bytes((beside / "roots.pem").read_bytes())
    return Paper(folder, finish_receipt(unsigned, key, chain, CardSignature(made, "ES256", der)))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv(verify_receipt.TRUST_VARIABLE, raising=False)
    parser = argparse.ArgumentParser()
    verify_receipt.add_parser(parser.add_subparsers())

    def go(*words: str) -> tuple[int, str]:
        """With the list of the authority that is named, but for `NO_LIST`."""
        arguments = parser.parse_args(["verify-receipt", *(word for word in words if word not in NO_LIST)])
        named = arguments.identity or (arguments.ca and arguments.ca.parent)
        if named and arguments.ca != named / "roots.txt" and not {*NO_LIST, "--crl"} & {*words}:
            arguments.crl = named / "crl.pem" if (named / "crl.pem").exists() else None
        code = arguments.func(arguments)
        said = capsys.readouterr()
        return code, said.out + said.err

    return go


def test_a_whole_receipt_is_checked_against_the_fleet_s_authority(paper: Paper, run: Run) -> None:
    code, said = run(paper.file, "--ca", paper.option("ca.pem"), "--anchors", paper.option("roots.txt"))

    assert code == 0
    assert said.splitlines() == [
        "Genuine: receipt 7F3A-91C2-K8M4A, pickup, 2026-11-25T09:46:12+00:00.",
        "Card: number ending in 50826134.",
        "Signed by station east-1.",
        "Signed by the holder's card: Åsa Lindström, SE2321000999-7K2B.",
        "Holder: Åsa Lindström, SE2321000999-7K2B. Place: Östra entrén.",
        "Its station is not revoked.",
    ]


def test_without_a_list_of_revoked_stations_nothing_is_genuine(paper: Paper, run: Run, tmp_path: Path) -> None:
    for given in (
        (paper.file, "--ca", paper.option("ca.pem")),
        (paper.receipt.qr, "--certificate", paper.option("station.pem")),
    ):
        code, said = run(*given, *NO_LIST, "--pdf", str(tmp_path / "page.pdf"))
        assert code == 3
        assert said.startswith("Cannot be told without a list of revoked stations: receipt 7F3A-91C2-K8M4A")
        assert said.endswith("was not checked: give --crl, or --evidence.\n")
        said = json.loads(run(*given, *NO_LIST, "--json")[1])
        assert (said["verdict"], said["revocation"]) == ("undecided", "unchecked")
    assert not (tmp_path / "page.pdf").exists()


def test_what_was_not_checked_is_said(paper: Paper, run: Run) -> None:
    assert "give --anchors" in run(paper.file, "--ca", paper.option("ca.pem"))[1]


def test_the_card_of_a_protected_holder_is_checked_only_by_who_has_its_certificate(protected: Paper, run: Run) -> None:
    given = (protected.file, "--ca", protected.option("ca.pem"), "--anchors", protected.option("roots.txt"))
    thumbprint = hashlib.sha256(
        x509.load_pem_x509_certificate(Path(protected.option("holder.txt")).read_bytes()).public_bytes(Encoding.DER)
    ).hexdigest()

    code, said = run(*given)
    assert code == 0
    assert f"made by the card with thumbprint {thumbprint}, not checked" in said
    assert "the station vouches for it" in said

    code, said = run(*given, "--holder-certificate", protected.option("holder.txt"))
    assert code == 0
    assert "Signed by the holder's card: SE2321000999-7K2B." in said
    assert "Lindström" not in said

    assert run(*given, "--holder-certificate", protected.option("station.pem"))[0] == 3
    assert run(*given, "--holder-certificate", protected.option("none.pem"))[0] == 2


def test_the_code_on_the_paper_needs_the_station_s_certificate(paper: Paper, run: Run) -> None:
    qr = paper.receipt.qr

    assert run(qr)[0] == 2
    assert run(qr, "--certificate", paper.option("station.pem"))[0] == 3, "of no authority, no list"
    code, said = run(qr, "--identity", str(paper.folder), "--json")
    assert code == 0
    assert json.loads(said) == {
        "verdict": "genuine",
        "number": "7F3A-91C2-K8M4A",
        "kind": "pickup",
        "time": "2026-11-25T09:46:12+00:00",
        "station": "east-1",
        "card_tail": "50826134",
        "sha256": json.loads(said)["sha256"],
        "revocation": "not_revoked",
        "signers": [
            {
                "role": "station",
                "name": "east-1",
                "hsa_id": "",
                "chain": "trusted",
                "signature": "checked",
                "thumbprint": None,
            }
        ],
        "receipt": None,
    }


def test_a_folder_of_trust_may_be_named_once_and_for_all(
    paper: Paper, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(verify_receipt.TRUST_VARIABLE, str(paper.folder))

    assert run(paper.file)[0] == 0
    assert run(paper.receipt.qr)[0] == 0


@pytest.mark.parametrize("address", ["", "https://fleet.example/r/#", "http://127.0.0.1:8080/r/#"])
def test_a_scanned_code_is_taken_as_it_is_or_from_a_file(paper: Paper, run: Run, tmp_path: Path, address: str) -> None:
    (tmp_path / "scan.txt").write_text(f"{address}{paper.receipt.qr}\n")

    assert run(f"{address}{paper.receipt.qr}", "--identity", str(paper.folder))[0] == 0
    assert run(str(tmp_path / "scan.txt"), "--identity", str(paper.folder))[0] == 0


@pytest.mark.parametrize("at", [0, 3, 40, -1])
def test_after_a_change_nothing_is_genuine(paper: Paper, run: Run, tmp_path: Path, at: int) -> None:
    document, qr = bytearray(paper.receipt.document), bytearray(paper.receipt.qr.encode())
    document[at] ^= 1
    qr[at] ^= 1
    (tmp_path / "receipt.json").write_bytes(document)

    code, said = run(str(tmp_path / "receipt.json"), "--identity", str(paper.folder))
    assert code == 3
    assert said.startswith(("Not genuine: ", "Not known to be genuine: "))
    assert run(qr.decode(), "--identity", str(paper.folder))[0] == 3


def test_a_stranger_s_receipt_is_not_known(paper: Paper, run: Run) -> None:
    code, said = run(paper.file, "--ca", paper.option("roots.txt"), "--json")

    assert code == 3
    assert json.loads(said)["verdict"] == "unknown_signer"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["no-such-file"], "no-such-file: No such file or directory"),
        (["RECEIPT"], "give --ca"),
        (["RECEIPT", "--ca", "no-such-ca.pem"], "no-such-ca.pem: No such file"),
        (["RECEIPT", "--ca", "RECEIPT"], "no certificate in PEM"),
    ],
)
def test_bad_input_is_named(paper: Paper, run: Run, words: list[str], reason: str) -> None:
    code, said = run(*(paper.file if word == "RECEIPT" else word for word in words))

    assert code == 2
    assert reason in said


def test_a_list_of_revocations_must_be_the_authoritys_and_in_time(paper: Paper, run: Run, tmp_path: Path) -> None:
    stranger = tmp_path / "crl.pem"
    stranger.write_bytes(pki.make_crl(pki.make_ca(NOW), [], NOW))
    for given, reason in (
        (("--ca", paper.option("ca.pem"), "--crl", str(stranger)), "not signed by this authority"),
        (("--ca", paper.option("ca.pem"), "--crl", paper.option("ca.pem")), "there is no list of revocations"),
        (("--ca", paper.option("ca.pem"), "--crl", "no-such-crl.pem"), "no-such-crl.pem: No such file"),
    ):
        code, said = run(paper.file, *given)
        assert (code, reason in said) == (2, True), said
    code, said = run(paper.receipt.qr, "--certificate", paper.option("station.pem"), "--crl", str(stranger))
    assert (code, "give --ca" in said) == (2, True)


def words_on(page: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", str(page), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def test_a_genuine_receipt_becomes_a_page_for_the_binder(paper: Paper, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "receipt.pdf"
    given = (paper.file, "--identity", str(paper.folder), "--pdf", str(page))

    assert run(*given, "--qr", paper.receipt.qr)[0] == 0
    swedish = words_on(page)
    assert swedish.startswith(
        "Kvittens på utlämnat kort Innehavare Åsa Lindström HSA-id SE2321000999-7K2B Kortnummer 9752"
    )
    assert "Undertecknad av kortet och av stationen" in swedish
    digits = hashlib.sha256(paper.receipt.document).hexdigest()
    assert digits[:8] + " " + digits[8:16] in swedish

    assert run(*given, "--language", "en")[0] == 0
    assert "Signed by the card and by the station" in words_on(page)


def test_nothing_that_is_not_genuine_becomes_a_page(paper: Paper, run: Run, tmp_path: Path) -> None:
    page, damaged = tmp_path / "receipt.pdf", tmp_path / "damaged.json"
    damaged.write_bytes(paper.receipt.document.replace(b"a", b"b", 1))
    trust = ("--identity", str(paper.folder), "--pdf", str(page))

    assert run(str(damaged), *trust)[0] == 3
    code, said = run(paper.receipt.qr, *trust)
    assert (code, "whole receipt" in said) == (2, True)
    code, said = run(paper.file, *trust, "--qr", paper.receipt.qr[:-1])
    assert (code, "not that of this receipt" in said) == (2, True)
    assert not page.exists()
    assert run(paper.file, "--identity", str(paper.folder), "--pdf", str(tmp_path / "no" / "folder.pdf"))[0] == 2


def test_the_page_of_a_protected_holder_has_no_name(protected: Paper, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "receipt.pdf"

    assert run(protected.file, "--identity", str(protected.folder), "--pdf", str(page))[0] == 0
    assert "Lindström" not in words_on(page)
    assert "SE2321000999-7K2B" in words_on(page)

"""Supply-chain audit: static analysis (bandit), licences, SBOMs (CycloneDX), known vulnerabilities (pip-audit).

    make audit                    # everything; the SBOMs of station and server go to build/audit

Rules:
- A finding of bandit of medium severity or more fails, unless scripts/audit.toml names its test, file and how many, with the
  reason; an entry that nothing needs any more fails too.
- A package that is delivered has a licence of the list in scripts/audit.toml; one that says its licence in free text is named
  there.
- The SBOMs hold what `pip install kortkiosk` and `kortkiosk[server]` bring, found by the packages' own metadata, and are valid.
- Where the network has no data of vulnerabilities, a line says for how many packages, and the last that the audit is not whole.

Exit codes: 0 all in order; 3 something was found; 4 a tool did not run.
"""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "build/audit/tools/bin"
OUT = ROOT / "build/audit"
PRODUCT = ("kiosk", "drivers", "fleet", "provisioning", "sim")
DELIVERED = {"station": (), "server": ("server",)}
"""What is delivered: the extras of each."""


class ToolError(Exception):
    """A tool did not run: which, and what it said last."""


def closure(name: str, extras: Iterable[str]) -> dict[str, importlib.metadata.Distribution]:
    """Distributions that an installation of `name[extras]` brings here, by canonical name."""
    distributions: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    while waiting:
        package, extra = waiting.pop()
        if (canonicalize_name(package), extra) in seen:
            continue
        seen.add((canonicalize_name(package), extra))
        distribution = importlib.metadata.distribution(package)
        distributions[canonicalize_name(package)] = distribution
        for line in distribution.requires or ():
            required = Requirement(line)
            if required.marker is None or required.marker.evaluate({"extra": extra}):
                waiting += [(required.name, required_extra) for required_extra in ("", *required.extras)]
    return distributions


def licence(distribution: importlib.metadata.Distribution) -> str:
    """The licence as the package states it: the SPDX expression (PEP 639), else the field, else the classifiers."""
    metadata = distribution.metadata
    stated = next((metadata[name] for name in ("License-Expression", "License") if name in metadata), "")
    if stated and "\n" not in stated.strip():
        return stated.strip()
    classifiers = metadata.get_all("Classifier") or []
    return " / ".join(
        classifier.rsplit(" :: ", 1)[-1] for classifier in classifiers if classifier.startswith("License ::")
    )


def unlicensed(packages: dict[str, importlib.metadata.Distribution], licences: dict[str, Any]) -> list[str]:
    """Packages whose licence is neither of the list nor named for them."""
    return [
        f"{name} {distribution.version}: licence {licence(distribution)!r} is not in scripts/audit.toml"
        for name, distribution in sorted(packages.items())
        if licence(distribution) not in licences["allowed"]
        and licences.get("packages", {}).get(name, {}).get("says") != licence(distribution)
    ]


def static_findings(report: str, accepted: list[dict[str, Any]]) -> list[str]:
    """Findings of bandit's JSON `report` that are not accepted, and entries that nothing needs."""
    rows = json.loads(report)["results"]
    counted = Counter((row["test_id"], row["filename"].removeprefix("./")) for row in rows)
    allowed = {(row["test"], row["file"]): row["count"] for row in accepted}
    new = [
        f"{row['filename']}:{row['line_number']}: {row['test_id']} {row['issue_text']}"
        for row in rows
        if counted[row["test_id"], row["filename"].removeprefix("./")]
        > allowed.get((row["test_id"], row["filename"].removeprefix("./")), 0)
    ]
    stale = [
        f"scripts/audit.toml: {test} in {file} is accepted {count} times and found {counted[test, file]}"
        for (test, file), count in allowed.items()
        if counted[test, file] < count
    ]
    return new + stale


def bill(document: dict[str, Any], names: Iterable[str], title: str, version: str) -> dict[str, Any]:
    """The part of an environment's SBOM that is delivered, under a root component of its own."""
    delivered = {canonicalize_name(name) for name in names}
    components = [
        component for component in document.get("components", ()) if canonicalize_name(component["name"]) in delivered
    ]
    kept = {component["bom-ref"] for component in components}
    root = {"bom-ref": title, "type": "application", "name": title, "version": version}
    edges = [
        {**dependency, "dependsOn": [ref for ref in dependency.get("dependsOn", ()) if ref in kept]}
        for dependency in document.get("dependencies", ())
        if dependency["ref"] in kept
    ]
    return {
        **document,
        "metadata": {**document.get("metadata", {}), "component": root},
        "components": components,
        "dependencies": [{"ref": title, "dependsOn": sorted(kept)}, *edges],
    }


def vulnerabilities(report: str) -> tuple[list[str], list[str]]:
    """Known vulnerabilities in pip-audit's JSON `report`, and packages that no source had data of."""
    findings, unknown = [], []
    for load in json.loads(report)["dependencies"]:
        if "skip_reason" in load:
            unknown.append(load["name"])
        findings += [
            f"{load['name']} {load['version']}: {vuln['id']}, mended in {', '.join(vuln['fix_versions']) or 'no version'}"
            for vuln in load.get("vulns", ())
        ]
    return findings, unknown


def _run(tool: str, *arguments: str, may_fail: bool = False) -> str:
    """Return what a tool prints. Raises ToolError."""
    ended = subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if not ended.stdout.strip() and (ended.returncode or not may_fail):
        raise ToolError(f"{tool} ended with {ended.returncode}: {ended.stderr.strip()[-300:]}")
    return ended.stdout


def _bandit(accepted: list[dict[str, Any]]) -> list[str]:
    findings = static_findings(
        _run("bandit", "--quiet", "--format", "json", "-ll", "--recursive", *PRODUCT, may_fail=True), accepted
    )
    print(f"bandit: {len(findings)} findings that are not accepted, {len(accepted)} places accepted with a reason")
    return findings


def _bills(packages: dict[str, dict[str, importlib.metadata.Distribution]]) -> None:
    whole = json.loads(
        _run("cyclonedx-py", "environment", "--output-reproducible", "--sv", "1.6", str(ROOT / ".venv/bin/python"))
    )
    for program, names in packages.items():
        version = names["kortkiosk"].version
        document = bill(whole, set(names) - {"kortkiosk"}, f"kortkiosk-{program}", version)
        path = OUT / f"sbom-{program}.cdx.json"
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
        _run("python", "-c", _VALIDATE, str(path))
        print(f"SBOM: {path.relative_to(ROOT)}, CycloneDX 1.6, {len(document['components'])} components, valid")


_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(str(fault)) if fault else print("valid")
"""


def _known_vulnerabilities(packages: dict[str, importlib.metadata.Distribution]) -> tuple[list[str], int]:
    """Return the vulnerabilities that are known, and of how many packages nobody could say."""
    listed = OUT / "delivered.txt"
    listed.write_text(
        "".join(
            f"{name}=={distribution.version}\n"
            for name, distribution in sorted(packages.items())
            if name != "kortkiosk"
        )
    )
    report = _run(
        "pip-audit", "--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip", "-r", str(listed),
        may_fail=True,
    )  # fmt: skip
    vulnerable, unknown = vulnerabilities(report)
    if unknown:
        print(
            f"vulnerabilities: NOT LOOKED UP for {len(unknown)} of {len(packages) - 1} packages: no source here has data"
        )
    if len(unknown) < len(packages) - 1:
        print(f"vulnerabilities: {len(vulnerable)} known in {len(packages) - 1 - len(unknown)} packages looked up")
    return vulnerable, len(unknown)


def main() -> int:
    """All four parts; what was found, one line each."""
    settings = tomllib.loads((ROOT / "scripts/audit.toml").read_text("utf-8"))
    packages = {program: closure("kortkiosk", extras) for program, extras in DELIVERED.items()}
    everything = packages["station"] | packages["server"]
    try:
        findings = _bandit(settings["accepted"])
        missing = unlicensed(everything, settings["licences"])
        print(f"licences: {len(missing)} of {len(everything)} packages without one that may be delivered")
        _bills(packages)
        vulnerable, not_looked_up = _known_vulnerabilities(everything)
        findings += missing + vulnerable
    except ToolError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 4
    print("".join(f"{finding}\n" for finding in findings), end="")
    if not findings:
        print("audit: NOT WHOLE: known vulnerabilities were not looked up" if not_looked_up else "audit: passed")
    return 3 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

"""Packages of the image: what it has does not depend on where it was built."""

from pathlib import Path

from image.python_site import drop_launchers

RECORD = """../../bin/made-up-ports,sha256={digest},{size}
made_up/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
made_up-1.0.dist-info/RECORD,,
"""


def site_of(folder: Path, interpreter: str, digest: str) -> dict[str, str]:
    """What is left of packages that pip installed there with that interpreter, whose name the launcher and its record have."""
    info = folder / "made_up-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "bin").mkdir()
    launcher = f"#!{interpreter}\nfrom made_up import main\n"
    (folder / "bin/made-up-ports").write_text(launcher, "utf-8")
    (info / "RECORD").write_text(RECORD.format(digest=digest, size=len(launcher)), "utf-8")
    drop_launchers(folder)
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_the_folder_that_it_was_built_in_leaves_no_trace(tmp_path: Path) -> None:
    here = site_of(tmp_path / "a", "/srv/a/.venv/bin/python", "made-up-a")
    there = site_of(tmp_path / "b", "/srv/another/.venv/bin/python", "made-up-b")
    assert here == there
    assert "made_up/__init__.py" in here["made_up-1.0.dist-info/RECORD"]

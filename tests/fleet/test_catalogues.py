"""Catalogues of texts: gathered from folders, each key once, all languages complete."""

from pathlib import Path

import pytest

from fleet.catalogues import read_catalogues


def write(folder: Path, name: str, **texts: str) -> Path:
    path = folder / f"{name}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        + "\n".join(f'msgid "{key}"\nmsgstr "{text}"\n' for key, text in texts.items())
    )
    return folder


def test_the_texts_of_several_folders_are_gathered(tmp_path: Path) -> None:
    for language in ("sv", "en"):
        write(tmp_path / "alerts", language, reader=f"reader {language}")
        write(tmp_path / "shared", f"{language}/frame", step=f"step {language}")
        write(tmp_path / "shared", f"{language}/home", start=f"start {language}")
    catalogues = read_catalogues([tmp_path / "alerts", tmp_path / "shared"])
    assert catalogues["en"] == {"reader": "reader en", "step": "step en", "start": "start en"}
    assert catalogues["sv"].keys() == catalogues["en"].keys()


def test_languages_with_different_keys_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "sv", both="A", swedish="A")
    write(tmp_path, "en", both="A")
    with pytest.raises(ValueError, match="swedish"):
        read_catalogues([tmp_path])


def test_an_empty_text_is_a_missing_one(tmp_path: Path) -> None:
    write(tmp_path, "sv", key="A")
    write(tmp_path, "en", key="")
    with pytest.raises(ValueError, match="key"):
        read_catalogues([tmp_path])


def test_a_key_in_two_files_is_refused(tmp_path: Path) -> None:
    for room in ("alerts", "cards"):
        for language in ("sv", "en"):
            write(tmp_path / room, language, title=room)
    with pytest.raises(ValueError, match="title"):
        read_catalogues([tmp_path / "alerts", tmp_path / "cards"])


def test_a_folder_without_a_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="in en"):
        read_catalogues([write(tmp_path, "sv", key="A")])

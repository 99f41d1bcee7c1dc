"""`make setup` says in plain words what is missing, and where it cannot install it names the one line to run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["bash", "dirname", "sort", "comm", "sed", "grep", "sha256sum", "mktemp", "tail", "rm", "chmod"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what setup reads, with a path on which only the tools of this test are found."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def program(project: Path, name: str, text: str) -> Path:
    path = project / "bin" / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def python(project: Path, version: str) -> Path:
    """An interpreter that knows its version, makes environments and notes what pip is asked for."""
    pip = 'for word; do case $last in -r | --editable) echo "$word" >>"$PIP_LOG" ;; esac; last=$word; done'
    venv = f'mkdir -p .venv/bin; cp "$0" .venv/bin/python; printf "#!/bin/bash\\n%s\\n" {pip!r} >.venv/bin/pip'
    return program(
        project,
        "python3",
        f"""case "$*" in
        *version_info*) echo {version} ;;
        *base_prefix*) echo /opt/python ;;
        *venv*) {venv}; chmod +x .venv/bin/pip; echo "$PWD/.venv" >.venv/pyvenv.cfg ;;
        esac""",
    )


def setup(project: Path, *layer: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [project / "bin/bash", project / "scripts/setup.sh", *layer],
        env={
            "PATH": str(project / "bin"),
            "PIP_LOG": str(project / "pip.log"),
            "POLICY_RC_D": str(project / "policy-rc.d"),  # never the machine's own
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def all_packages_are_there(project: Path) -> None:
    program(project, "dpkg-query", r'for name in "${@:4}"; do echo "installed $name"; done')


def tools_of_environments(project: Path) -> None:
    for tool in ["cp", "mkdir"]:
        (project / "bin" / tool).symlink_to(shutil.which(tool) or "")
    (project / "sim").mkdir()
    for name in ["setup.cfg", "pyproject.toml", "sim/setup.cfg", "sim/pyproject.toml"]:
        shutil.copy(ROOT / name, project / name)


def test_an_unsupported_python_is_refused_by_name(project: Path) -> None:
    chosen = python(project, "3.9")
    ended = setup(project, PYTHON=str(chosen))
    assert ended.returncode == 2
    assert f"PYTHON={chosen} is not Python 3.11, 3.12 or 3.13." in ended.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root installs instead of telling")
def test_who_is_not_root_gets_one_line_with_exactly_what_is_missing(project: Path) -> None:
    program(
        project,
        "dpkg-query",
        r'for n in "${@:4}"; do case $n in swig|xvfb) ;; *) echo "installed $n" ;; esac; done; exit 1',
    )
    ended = setup(project, PYTHON=str(python(project, "3.13")))
    assert ended.returncode == 2
    assert "sudo apt-get install --no-install-recommends swig xvfb" in ended.stderr


@pytest.mark.parametrize(("version", "lock"), [("3.11", "py311"), ("3.13", "py313")])
def test_the_lock_of_the_chosen_python_is_installed_and_the_second_time_nothing_is(
    project: Path, version: str, lock: str
) -> None:
    all_packages_are_there(project)
    tools_of_environments(project)
    chosen = python(project, version)
    first, second = setup(project, PYTHON=str(chosen)), setup(project, PYTHON=str(chosen))
    assert (first.returncode, first.stderr) == (0, "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    asked = (project / "pip.log").read_text().split()
    assert asked == ["requirements/build.txt", f"requirements/{lock}.txt", ".", "./sim"]


def test_a_demo_has_its_own_lock_and_the_tests_add_theirs(project: Path) -> None:
    all_packages_are_there(project)
    tools_of_environments(project)
    chosen = python(project, "3.13")
    build, demo, whole = (f"requirements/{name}.txt" for name in ("build", "demo-py313", "py313"))
    for layers, asked in (
        (("demo",), [build, demo, ".", "./sim"]),
        (("demo",), []),
        ((), [build, whole]),
        (("demo",), []),
    ):
        (project / "pip.log").write_text("")
        assert setup(project, *layers, PYTHON=str(chosen)).returncode == 0
        assert (project / "pip.log").read_text().split() == asked


@pytest.mark.parametrize("layer", ["demo", "test"])
def test_a_demo_asks_for_no_compiler_and_no_server_of_the_tests(project: Path, layer: str) -> None:
    program(
        project, "dpkg-query", 'printf "%s\\n" "${@:4}" >"$PIP_LOG"; for n in "${@:4}"; do echo "installed $n"; done'
    )
    setup(project, layer, PYTHON=str(python(project, "3.13")))
    wanted = set((project / "pip.log").read_text().split())
    assert {"mosquitto", "xvfb", "micropython"} < wanted
    assert wanted.isdisjoint({"gcc", "chromium", "postgresql-17", "slapd"}) is (layer == "demo")


def test_a_changed_lock_is_installed_and_the_project_is_not(project: Path) -> None:
    all_packages_are_there(project)
    tools_of_environments(project)
    chosen = python(project, "3.13")
    setup(project, PYTHON=str(chosen))
    (project / "pip.log").unlink()
    with (project / "requirements/py313.txt").open("a") as lock:
        lock.write("# newer\n")
    assert setup(project, PYTHON=str(chosen)).returncode == 0
    assert (project / "pip.log").read_text().split() == ["requirements/build.txt", "requirements/py313.txt"]


def test_where_the_packages_cannot_be_installed_its_own_words_are_shown(project: Path) -> None:
    program(project, "dpkg-query", "exit 1")
    program(project, "apt-get", 'echo "E: no such network" >&2; exit 100')
    ended = setup(project, PYTHON=str(python(project, "3.13")))
    assert ended.returncode == 2
    if os.geteuid() == 0:
        assert "E: no such network" in ended.stderr
        assert "apt-get could not install them" in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")
def test_no_broker_starts_with_its_installation_where_no_policy_stands(project: Path) -> None:
    asked = 'for name in rabbitmq-server epmd pcscd; do "$POLICY_RC_D" $name start; echo "$name $?" >>"$PIP_LOG"; done'
    program(project, "dpkg-query", "exit 1")
    program(project, "apt-get", f"{asked}; exit 100")
    policy = project / "policy-rc.d"
    setup(project, PYTHON=str(python(project, "3.13")))
    assert set((project / "pip.log").read_text().splitlines()) == {"rabbitmq-server 101", "epmd 101", "pcscd 0"}
    assert not policy.exists(), "it stands for the installation alone"

    (project / "pip.log").unlink()
    program(project, "policy-rc.d", "exit 104").rename(policy)
    setup(project, PYTHON=str(python(project, "3.13")))
    assert set((project / "pip.log").read_text().splitlines()) == {"rabbitmq-server 104", "epmd 104", "pcscd 104"}
    assert policy.exists(), "a policy that stands is the machine's"


def test_an_environment_that_is_linked_is_another_checkouts_and_is_left_as_it_is(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    all_packages_are_there(project)
    elsewhere = tmp_path_factory.mktemp("environment")
    (project / ".venv").symlink_to(elsewhere)
    missing = setup(project, PYTHON=str(python(project, "3.13")))
    assert missing.returncode == 2
    assert "is a link to an environment that is not there" in missing.stderr
    (elsewhere / "bin").mkdir()
    shutil.copy(project / "bin/python3", elsewhere / "bin/python")
    ended = setup(project, PYTHON=str(python(project, "3.13")))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert sorted(path.name for path in elsewhere.rglob("*")) == ["bin", "python"]
    assert not (project / "pip.log").exists()

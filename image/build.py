"""Build of the station's image: from Debian's packages and the locked Python packages to a disk that is flashed.

    root      mmdebstrap: packages, kernel, initial RAM disk; versions compared with those recorded
    python    the station's locked packages and our wheel, compiled
    tree      both as one read-only file system (squashfs), with the appliance's own files
    verity    its hash tree and root hash
    splash    the still picture of the start, a second initial RAM disk
    boot      a unified kernel image for each slot and the EFI partition, or the Raspberry Pi's three boot partitions
    disk      the whole (genimage), with an empty /data
    papers    bills of materials (CycloneDX), and the manifest with its signature

Nothing is mounted and no device is made. The same commit, packages and tools give the same root, hash tree and kernel images.
"""

import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from image import boards, boot, guard, layout, packages, papers, python_site, splash
from image.commands import run
from image.steps import Built, Steps, digest_of_tree, sha256_of
from provisioning.appliance.layout import Machine, write_appliance

HERE = Path(__file__).parent
PROJECT = HERE.parent
TOOLS_LOCK = PROJECT / "requirements" / "image.txt"
LOCK = PROJECT / "requirements" / "station-py313.txt"
SITE = "/opt/kortkiosk/site"
ROOT_EPOCH = 1754697600
"""The time that files of Debian's packages have at most: the day on which Debian 13 came out."""

BOOTED = {
    "amd64": ("kortkiosk-a.efi", "kortkiosk-b.efi"),
    "arm64": ("boot-a.vfat", "boot-b.vfat"),
}
"""What starts a slot, for a bundle."""
HEADERS = ("libpcsclite-dev", "libpython3.13-dev")
"""Debian packages of another machine whose headers and libraries are compiled against."""
WITHOUT = (
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/bash-completion/*",
    *(f"/usr/lib/firmware/{name}" for name in ("rtw8*", "rtl_bt/*", "rtlwifi/*", "intel/*", "amdnpu/*")),
)
"""What no station uses: papers, and firmware of wireless networks, cameras and accelerators."""
FOR_THE_BUILD = ("dracut", "dracut-core")
"""Packages that make the initial RAM disk, taken out of the root afterwards."""
OF_A_RASPBERRY_PI = ("dracut-arm64.conf", "add_raspberry_pi.sh")


@dataclass(frozen=True)
class Options:
    """Options of a build. `accept`: other package versions than those recorded are recorded. `epoch`: Unix seconds of
    every file. `version`: of the image, as its bundle has it. `signer`: the certificate that signs the manifest, its key
    beside it. `secure_boot`: the folder of a region's keys, with which what a PC starts is signed. `update_ca`: whose
    signers sign bundles, in PEM; without, those of the authority that a station has when it is set up."""

    architecture: Machine
    output: Path
    epoch: int
    version: str
    accept: bool = False
    signer: Path | None = None
    secure_boot: Path | None = None
    update_ca: Path | None = None


def build(options: Options, say: Callable[[str], None] = print) -> Path:
    """Build what is not there yet, and give the disk's path.

    Raises CommandError, PackagesChangedError, MissingDriversError, OSError.
    """
    steps = Steps(options.output / "steps", say)
    root = steps.make("root", _root_inputs(options), lambda folder: _make_root(options, folder))
    if options.architecture == "arm64":
        boards.require_drivers(root.folder)
    packages.check_recorded(options.architecture, (root.folder / "packages.txt").read_text("utf-8"), options.accept)
    headers = steps.make("headers", [options.architecture, *HEADERS, _sources(options)],
                         lambda folder: _make_headers(options, folder))  # fmt: skip
    python = steps.make("python", _python_inputs(options, headers),
                        lambda folder: _make_python(options, headers, folder))  # fmt: skip
    ours = (digest_of_tree(HERE / "root"), (HERE / "finish_tree.sh").read_text("utf-8"),
            options.update_ca.read_text("ascii") if options.update_ca else "")  # fmt: skip
    tree = steps.make("tree", _inputs(options, _make_tree, root, python, options.version, *ours, inspect.getsource(layout.fstab),
                                        *layout.install_definitions(options.architecture).values(), layout.partition_rules()),
                      lambda folder: _make_tree(options, root, python, folder))  # fmt: skip
    verity = steps.make("verity", _inputs(options, _make_verity, tree), lambda folder: _make_verity(tree, folder))
    picture = steps.make("splash", _inputs(options, _make_splash, inspect.getsource(splash), digest_of_tree(splash.SHIPPED)),
                         lambda folder: _make_splash(options, folder))  # fmt: skip
    started = steps.make("boot", _inputs(options, _make_boot, root, picture, verity, *_boot_inputs(options)),
                         lambda folder: _make_boot(options, (root, picture, verity), folder))  # fmt: skip
    parts = layout.genimage_configuration(options.architecture)
    disk = steps.make("disk", _inputs(options, _make_disk, tree, verity, started, parts),
                      lambda folder: _make_disk(options, (tree, verity, started), folder))  # fmt: skip
    name = f"kortkiosk-{options.architecture}.img"
    starters = dict.fromkeys(BOOTED[options.architecture], started)
    made = deliver(options, {"root.squashfs": tree, "root.verity": verity, "roothash": verity, **starters,
                             "packages.txt": root, name: disk})  # fmt: skip
    tools = steps.make("tools", [TOOLS_LOCK.read_text("utf-8")], _make_tools)
    bills = steps.make("papers", _inputs(options, _make_papers, root, python, tools, inspect.getsource(papers)),
                       lambda folder: _make_papers(options, (root, python, tools), folder))  # fmt: skip
    made += deliver(options, {"root.cdx.json": bills, "python.cdx.json": bills})
    _seal(options, verity, made, say)
    for path in made:
        say(f"{sha256_of(path)}  {path.name}")
    return options.output / name


def deliver(options: Options, steps: dict[str, Built]) -> list[Path]:
    """Links in the output folder to what the steps made. Raises OSError."""
    paths = []
    for name, step in steps.items():
        path = options.output / name
        path.unlink(missing_ok=True)
        path.hardlink_to(step.folder / name)
        paths.append(path)
    return paths


def _inputs(options: Options, work: Callable[..., None], *more: Built | str) -> list[str]:
    """Return the inputs of a step: its own source too, so that a change of one step leaves those before it as they are."""
    stamps = [inspect.getsource(work)]
    stamps += [step.stamp if isinstance(step, Built) else step for step in more]
    return [options.architecture, str(options.epoch), *stamps]


def _root_inputs(options: Options) -> list[str]:
    texts = [(HERE / name).read_text("utf-8") for name in ("root-packages.txt", "dracut.conf", "finish_root.sh")]
    if options.architecture == "arm64":
        texts += [(HERE / name).read_text("utf-8") for name in OF_A_RASPBERRY_PI] + [digest_of_tree(HERE / "module")]
    return [options.architecture, _sources(options), *texts, *WITHOUT]


def _sources(options: Options) -> str:
    rows = packages.entries_for((HERE / "sources.list").read_text("utf-8"), options.architecture)
    return "".join(f"{row}\n" for row in rows)


def _python_inputs(options: Options, headers: Built) -> list[str]:
    tracked = run(
        "git", "ls-files", "-s", "--", *python_site.SHIPPED, "setup.cfg", "setup.py", "pyproject.toml", cwd=PROJECT
    )
    changed = run(
        "git", "diff", "HEAD", "--", *python_site.SHIPPED, "setup.cfg", "setup.py", "pyproject.toml", cwd=PROJECT
    )
    own = Path(python_site.__file__).read_text("utf-8")
    return [options.architecture, headers.stamp, LOCK.read_text("utf-8"), own, tracked, changed]


def _boot_inputs(options: Options) -> Iterable[str]:
    yield from (inspect.getsource(boot), inspect.getsource(boards))
    if options.architecture == "amd64":
        keys = sorted(options.secure_boot.iterdir()) if options.secure_boot else []
        yield from (sha256_of(path) for path in (boot.EFI_STUB, boot.BOOT_MANAGER, *keys))
    yield from (layout.kernel_line(slot, "", options.architecture) for slot in layout.SLOTS)
    yield digest_of_tree(guard.HERE)
    yield guard.UNIT_FILE.read_text("utf-8")


def _make_root(options: Options, folder: Path) -> None:
    names = packages.entries_for((HERE / "root-packages.txt").read_text("utf-8"), options.architecture)
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in WITHOUT]
    hooks = [f"--essential-hook=upload {HERE / 'dracut.conf'} /etc/dracut.conf.d/kortkiosk.conf"]
    if options.architecture == "arm64":
        drivers, more = (HERE / name for name in OF_A_RASPBERRY_PI)
        hooks += [f"--essential-hook=upload {drivers} /etc/dracut.conf.d/kortkiosk_arm64.conf"]
        hooks += [f'--customize-hook={more} "$1" {folder.resolve()}']
    run("mmdebstrap", "--variant=minbase", f"--architectures={options.architecture}", f"--include={','.join(names)}",
        '--aptopt=APT::Install-Recommends "false"', *excluded, "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        '--essential-hook=mkdir --parents "$1"/etc/dracut.conf.d', *hooks,
        f"--customize-hook={HERE / 'finish_root.sh'} \"$1\" {folder.resolve()} {' '.join(FOR_THE_BUILD)}",
        "trixie", folder / "root.tar", "-", stdin=_sources(options),
        env={"SOURCE_DATE_EPOCH": str(ROOT_EPOCH), "INITRD": "No"})  # fmt: skip


def _make_headers(options: Options, folder: Path) -> None:
    if options.architecture == "arm64":  # the building machine has its own
        run("mmdebstrap", "--variant=extract", f"--architectures={options.architecture}", f"--include={','.join(HEADERS)}",
            '--aptopt=APT::Install-Recommends "false"', "trixie", folder / "root", "-", stdin=_sources(options))  # fmt: skip
        (folder / "root/lib").symlink_to("usr/lib")


def _make_python(options: Options, headers: Built, folder: Path) -> None:
    target = python_site.native() if options.architecture == "amd64" else python_site.aarch64(headers.folder / "root")
    python_site.install_packages(LOCK.read_text("utf-8"), target, folder)
    wheel = python_site.build_wheel(PROJECT, folder, ROOT_EPOCH)
    python_site.unpack_wheels([wheel], folder / "site")
    python_site.drop_launchers(folder / "site")
    python_site.compile_modules(folder / "site", SITE)


def _make_tree(options: Options, root: Built, python: Built, folder: Path) -> None:
    tree = folder / "tree"
    tree.mkdir()
    run("tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--file", root.folder / "root.tar",
        "--directory", tree)  # fmt: skip
    run("cp", "--recursive", "--no-preserve=mode,ownership", "--dereference", f"{HERE / 'root'}/.", tree)
    table = tree / "etc/fstab"
    table.write_text(layout.fstab(table.read_text("utf-8"), options.architecture), "utf-8")
    if options.architecture == "amd64":  # a Raspberry Pi's card is written by another machine
        for name, text in layout.install_definitions(options.architecture).items():
            _new(tree / "usr/lib/kortkiosk/install.d" / name).write_text(text, "ascii")
    if options.architecture == "arm64":
        (tree / "usr/lib/udev/rules.d/61-kortkiosk-partitions.rules").write_text(layout.partition_rules(), "ascii")
    (tree / layout.BOOT_FOLDER[options.architecture][1:]).mkdir(parents=True, exist_ok=True)
    run("cp", "--recursive", "--no-preserve=ownership", python.folder / "site", tree / "opt")
    (tree / "opt" / "site").rename(_new(tree / SITE[1:]))
    python_site.write_programs(tree / "opt/kortkiosk/bin")
    write_appliance(tree, machine=options.architecture, update_ca=options.update_ca)
    with (tree / "usr/lib/os-release").open("a", encoding="utf-8") as release:
        release.write(f"IMAGE_ID=kortkiosk\nIMAGE_VERSION={options.version}\n")
    run(HERE / "finish_tree.sh", tree, env={"SOURCE_DATE_EPOCH": str(options.epoch)})
    _squash(tree, folder / "root.squashfs", options.epoch)
    shutil.rmtree(tree)


def _squash(tree: Path, output: Path, epoch: int) -> None:
    # Its own times are given; mksquashfs refuses to have them in the environment too.
    times = ("-mkfs-time", str(epoch), "-all-time", str(epoch))
    run("env", "--unset=SOURCE_DATE_EPOCH", "mksquashfs", tree, output, "-comp", "zstd", "-Xcompression-level", "9",
        "-noappend", "-no-progress", "-quiet", *times)  # fmt: skip


def _make_verity(tree: Built, folder: Path) -> None:
    root = tree.folder / "root.squashfs"
    digest = sha256_of(root)
    run("veritysetup", "format", f"--salt={digest}", f"--uuid={layout.identifier(digest)}",
        f"--root-hash-file={folder / 'roothash'}", root, folder / "root.verity")  # fmt: skip


def _make_splash(options: Options, folder: Path) -> None:
    splash.write_splash(folder, options.epoch)


def _make_boot(options: Options, steps: tuple[Built, Built, Built], folder: Path) -> None:
    root, picture, verity = steps
    roothash = (verity.folder / "roothash").read_text("ascii").strip()
    archive = guard.make_archive(options.architecture, folder, options.epoch)
    boot_arguments = (root.folder, (archive, picture.folder / "splash.cpio"), roothash, options.epoch, folder)
    if options.architecture == "amd64":
        boot.write_efi(*boot_arguments, options.secure_boot)
    else:
        boot.write_raspberry_pi(*boot_arguments)


def _make_disk(options: Options, steps: tuple[Built, ...], folder: Path) -> None:
    inputs = _new(folder / "inputs" / "x").parent
    firmware = [part.image for part in layout.BOOT[options.architecture] if part.image]
    for step, names in zip(steps, (["root.squashfs"], ["root.verity"], firmware), strict=True):
        for name in names:
            (inputs / name).hardlink_to(step.folder / name)
    make_data(inputs / "data.ext4", None, options.epoch)
    (folder / "genimage.cfg").write_text(layout.genimage_configuration(options.architecture), "ascii")
    (folder / "empty").mkdir()
    run("genimage", "--config", folder / "genimage.cfg", "--rootpath", folder / "empty", "--tmppath", folder / "tmp",
        "--inputpath", inputs, "--outputpath", folder, env={"SOURCE_DATE_EPOCH": str(options.epoch)})  # fmt: skip
    for name in ("inputs", "tmp", "empty"):
        shutil.rmtree(folder / name, ignore_errors=True)


def make_data(image: Path, content: Path | None, epoch: int) -> None:
    """A file system for /data, empty or with what `content` holds. Raises CommandError."""
    image.touch()
    os.truncate(image, layout.DATA_MIB * layout.MIB)
    filled: list[str | Path] = ["-d", content] if content else []
    run("mke2fs", "-q", "-t", "ext4", "-L", "data", "-U", layout.identifier("data"), "-m", "0", *filled,
        "-E", f"hash_seed={layout.identifier('hashes of names')},root_owner=0:0", image,
        env={"SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch)})  # fmt: skip


def _make_tools(folder: Path) -> None:
    run(sys.executable, "-m", "venv", folder / "venv")
    run(
        folder / "venv/bin/pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        TOOLS_LOCK,
    )
    for script in (
        folder / "venv/bin"
    ).iterdir():  # a step is moved to its place: its programs name the folder of the move
        if not script.is_symlink() and script.read_bytes().startswith(b"#!"):
            script.write_bytes(script.read_bytes().replace(b"/tools.part/", b"/tools/", 1))


def _make_papers(options: Options, steps: tuple[Built, Built, Built], folder: Path) -> None:
    root, python, tools = steps
    programs = tools.folder / "venv/bin"
    papers.write_root_bill(programs, root.folder / "dpkg/status", options.architecture, options.epoch, folder)
    papers.write_python_bill(programs, python.folder / "site", folder)


def _seal(options: Options, verity: Built, made: list[Path], say: Callable[[str], None]) -> None:
    path = options.output / "manifest.json"
    roothash = (verity.folder / "roothash").read_text("ascii").strip()
    path.write_text(papers.manifest(options.architecture, options.version, options.epoch, roothash, made), "utf-8")
    if options.signer:
        papers.sign(path, options.signer)
    else:
        path.with_name("manifest.json.p7s").unlink(missing_ok=True)
        say("manifest.json is not signed: SIGNER names a certificate (kortkiosk-provision authority issue-signer)")


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path

"""Packages that `setup.cfg` cannot name: stories and samples of errands, beside the station's modules, are in this wheel."""

from setuptools import setup
from setuptools.command.build_py import build_py


class Simulators(build_py):
    """All of `sim`, and of the station's errands their stories and samples."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [
            module
            for module in super().find_package_modules(package, package_dir)
            if package.startswith("sim") or module[1] in ("samples", "stories")
        ]

    def find_data_files(self, package: str, src_dir: str) -> list[str]:
        return super().find_data_files(package, src_dir) if package.startswith("sim") else []


setup(cmdclass={"build_py": Simulators})

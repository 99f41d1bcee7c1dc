"""What `setup.cfg` cannot say: what an errand shows and tells for gallery and tests is in the wheel kortkiosk-sim alone."""

from setuptools import setup
from setuptools.command.build_py import build_py


class Production(build_py):
    """The station's modules, without stories and samples of errands."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [
            module
            for module in super().find_package_modules(package, package_dir)
            if not (package.startswith("kiosk.errands.") and module[1] in ("samples", "stories"))
        ]


setup(cmdclass={"build_py": Production})

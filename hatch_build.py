"""Compiles the parts of the scorer that are written in C. Without a compiler Podium is installed without them."""

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

_STABLE = "0x030B0000"
"""Python's stable ABI since 3.11: one build serves all later versions."""


class Compile(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Puts each extension beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel carry what was made."""
        del version
        made = [path for source in Path("src").rglob("_*.c") if (path := _compile(source)) is not None]
        if made:
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
            build_data["artifacts"] += [f"/{path.as_posix()}" for path in made]


def _compile(source: Path) -> Path | None:
    """The extension of a C file; None where it cannot be made."""
    name = ".".join(source.with_suffix("").parts[1:])
    extension = Extension(
        name,
        [str(source)],
        py_limited_api=True,
        define_macros=[("Py_LIMITED_API", _STABLE), ("NDEBUG", "1")],
        extra_compile_args=["-std=c11", "-O3", "-ffp-contract=off", "-g0"] if sys.platform != "win32" else [],
        optional=True,
    )
    command = Distribution({"ext_modules": [extension], "package_dir": {"": "src"}}).get_command_obj("build_ext")
    command.inplace = True
    with tempfile.TemporaryDirectory() as folder:
        command.build_temp = command.build_lib = folder
        command.ensure_finalized()
        made = Path(command.get_ext_fullpath(name)).relative_to(Path.cwd())
        made.unlink(missing_ok=True)
        command.run()
    return made if made.is_file() else None

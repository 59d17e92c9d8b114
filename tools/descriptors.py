"""Compiles the scorer's .proto files into the descriptors that it reads at start: `python -m tools.descriptors`.

`python -m tools.descriptors --check` changes nothing and ends with 1 when they differ. The file holds no code, so it
suits every release of the protobuf library.
"""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).parents[1] / "src" / "podium" / "scoring" / "protocols" / "grpc"
TARGET = FOLDER / "descriptors.binpb"
SOURCES = ("inference.proto", "health.proto")


def made() -> bytes:
    """The descriptors of all sources as one file descriptor set."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "made"
        code = protoc.main(["protoc", f"--proto_path={FOLDER}", f"--descriptor_set_out={target}", *SOURCES])
        if code:
            raise SystemExit(code)
        return target.read_bytes()


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        TARGET.write_bytes(made())
        return 0
    stale = not TARGET.is_file() or TARGET.read_bytes() != made()
    if stale:
        sys.stderr.write("descriptors.binpb differs from the .proto files. Run: python -m tools.descriptors\n")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A power cut: what was not synced vanishes, tears, or stays, as chance has it.

A scorer runs with power_cut.c preloaded, which notes what it writes and syncs in its log's folder. After kill -9 the
folder is put into a state that a disk may be in after the power went:

- of a file, all writes before its last finished sync are there; of later ones a part, the rest of it zeros or missing
  (what is written over were zeros: a log's room ahead);
- of the folder, all names that were made, changed or deleted before its last finished sync are so; of later changes the
  first few, as journalling file systems keep their order.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("power_cut.c")
_SECTOR = 512
_Span = tuple[int, int]


def compile_to(folder: Path) -> Path:
    """The library; FileNotFoundError where there is no C compiler."""
    made = folder / "power_cut.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return made


def library(folder: Path) -> Path:
    """The library, where there is a C compiler; else the test is skipped (not where CI is set)."""
    if shutil.which("gcc") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no C compiler; .ci/run installs it")
        pytest.skip("there is no C compiler")
    return compile_to(folder)


class Disk:
    """The folder whose power is cut."""

    def __init__(self, library: Path, root: Path, aside: Path, *, lies: bool = False) -> None:
        self._root = root
        self._stash = aside / "stash"
        self._journal = aside / "journal"
        self._base: dict[str, int] = {}
        self.environment = {
            "LD_PRELOAD": str(library),
            "POWER_CUT_ROOT": str(root),
            "POWER_CUT_STASH": str(self._stash),
            "POWER_CUT_JOURNAL": str(self._journal),
            **({"POWER_CUT_LIES": "1"} if lies else {}),
        }

    def begin(self) -> None:
        """From here on; what is in the folder now is safe."""
        shutil.rmtree(self._stash, ignore_errors=True)
        self._stash.mkdir(parents=True)
        self._journal.unlink(missing_ok=True)
        self._base = {path.name: path.stat().st_ino for path in self._root.iterdir()}
        for name, inode in self._base.items():
            os.link(self._root / name, self._stash / str(inode))

    def cut(self, chance: random.Random) -> None:
        """Leave in the folder what the disk would hold."""
        notes = self._notes()
        held = {name: self._bytes(inode, notes, chance) for name, inode in self._names(notes, chance).items()}
        for path in self._root.iterdir():
            path.unlink()
        _lay(self._root, held)

    def cut_soon(self, chance: random.Random, most: int, folder: Path) -> None:
        """Put there what the disk would hold had the power gone early, after so many notes at most."""
        notes = self._notes()[: chance.randint(0, most)]
        _lay(folder, {name: self._bytes(inode, notes, chance) for name, inode in self._names(notes, chance).items()})

    def _notes(self) -> list[list[str]]:
        return [line.split(" ") for line in self._journal.read_text().splitlines()] if self._journal.exists() else []

    def _names(self, notes: list[list[str]], chance: random.Random) -> dict[str, int]:
        safe, begun = 0, 0
        for place, (kind, *_) in enumerate(notes):
            if kind == "D":
                begun = place
            elif kind == "d":
                safe = begun
        later = [place for place in range(safe, len(notes)) if notes[place][0] in "crlu"]
        end = later[kept - 1] + 1 if (kept := chance.randint(0, len(later))) else safe
        names = dict(self._base)
        for kind, *what in notes[:end]:
            if kind == "c":
                names[what[1]] = int(what[0])
            elif kind == "r" and what[0] in names:
                names[what[1]] = names.pop(what[0])
            elif kind == "l" and what[0] in names:
                names[what[1]] = names[what[0]]
            elif kind == "u":
                names.pop(what[0], None)
        return names

    def _bytes(self, inode: int, notes: list[list[str]], chance: random.Random) -> bytes:
        whole = (self._stash / str(inode)).read_bytes()
        writes: list[_Span] = []
        safe = begun = 0
        for kind, *what in notes:
            if kind in "wSs" and int(what[0]) == inode:
                if kind == "w":
                    writes.append((int(what[1]), int(what[1]) + int(what[2])))
                elif kind == "S":
                    begun = len(writes)
                else:
                    safe = begun
        old = inode in self._base.values()
        made = bytearray(whole[: max([end for _, end in writes[:safe]], default=len(whole) if old else 0)])
        for start, end in writes[safe:]:
            made[start:end] = bytes(max(0, min(end, len(made)) - start))
        for start, end in writes[safe:]:
            fate = chance.random()
            if fate < 0.3:
                break
            piece = whole[start:end] if fate < 0.6 else _torn(whole[start:end], chance)
            made.extend(bytes(max(0, start - len(made))))
            made[start : start + len(piece)] = piece
        return bytes(made)


def _lay(folder: Path, held: dict[str, bytes]) -> None:
    for name, data in held.items():
        (folder / name).write_bytes(data)


def _torn(piece: bytes, chance: random.Random) -> bytes:
    """Some sectors of a write, zeros for the others; it may be shorter."""
    kept = piece[: chance.randint(0, len(piece))]
    sectors = (kept[at : at + _SECTOR] for at in range(0, len(kept), _SECTOR))
    return b"".join(sector if chance.random() < 0.5 else bytes(len(sector)) for sector in sectors)

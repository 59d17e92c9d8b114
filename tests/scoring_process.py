"""A scorer process for tests: its settings as JSON, its clock the system's or a file's."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from podium.scoring import serve


def main(text: str) -> None:
    given = json.loads(text)
    clock_file = given.pop("clock_file", None)

    def clock() -> datetime:
        return datetime.fromtimestamp(int(Path(clock_file).read_text()) / 1e6, UTC) if clock_file else datetime.now(UTC)

    given["folder"] = Path(given["folder"])
    given["public_keys"] = tuple(map(Path, given.get("public_keys", ())))
    serve.run(serve.Settings(clock=clock, **given))


if __name__ == "__main__":
    main(sys.argv[1])

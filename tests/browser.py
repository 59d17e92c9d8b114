"""A real Chromium without a window, driven through its debugging pipe."""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_PATIENCE_S = 60.0


def installed() -> str | None:
    """The program, if it is there."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Tab:
    """One page. `errors` collects what its console says is wrong: exceptions, refused loads, content policy."""

    def __init__(self, to: int, back: int) -> None:
        self.errors: list[str] = []
        self._to = os.fdopen(to, "wb", buffering=0)
        self._back = os.fdopen(back, "rb", buffering=0)
        self._numbers = itertools.count(1)
        self._answers: Queue[dict[str, Any]] = Queue()
        self._loads: Queue[str] = Queue()
        self._page = ""
        self._session: str | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            try:
                answer = self._answers.get(timeout=_PATIENCE_S)
            except Empty:
                raise TimeoutError(f"Chromium does not answer {method}") from None
            if answer["id"] == number:
                assert "error" not in answer, (method, answer)
                found: dict[str, Any] = answer["result"]
                return found

    def _read(self) -> None:
        rest = b""
        while chunk := self._back.read(65536):
            *whole, rest = (rest + chunk).split(b"\0")
            for text in whole:
                self._take(json.loads(text))

    def _take(self, message: dict[str, Any]) -> None:
        method, told = message.get("method"), message.get("params", {})
        if "id" in message:
            self._answers.put(message)
        elif method == "Page.lifecycleEvent" and told["name"] == "load":
            self._loads.put(told["loaderId"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif (method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}) or (
            method == "Log.entryAdded" and told["entry"]["level"] == "error"
        ):
            self.errors.append(str(told))

    def close(self) -> None:
        """After the browser has ended."""
        self._reader.join(_PATIENCE_S)
        self._to.close()
        self._back.close()

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        asked = self.call("Page.navigate", url=url)["loaderId"]
        while self._page != asked:
            self._page = self._next()

    def submit(self, script: str) -> None:
        """Run a script that leads to another page, and wait for that one."""
        before = self._page
        self.value(script)
        while self._page == before:
            self._page = self._next()

    def _next(self) -> str:
        """The document that was loaded next."""
        try:
            return self._loads.get(timeout=_PATIENCE_S)
        except Empty:
            raise TimeoutError("the page does not load") from None

    def value(self, script: str) -> Any:
        """What an expression in the page is worth."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def look(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> bytes:
        """A picture of the whole page, kept as a PNG file too."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        data = base64.b64decode(taken["data"])
        path.write_bytes(data)
        return data


@contextmanager
def tab(program: str, profile: Path) -> Iterator[Tab]:
    """A browser with a new profile and one tab."""
    read_commands, commands = _pipe()
    answers, write_answers = _pipe()
    shell = f'exec "$@" 3<&{read_commands} 4>&{write_answers}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(read_commands, write_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_commands)
    os.close(write_answers)
    try:
        made = Tab(commands, answers)
        yield made
    finally:
        process.kill()
        process.wait()
    made.close()


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the numbers that the browser expects (3 and 4)."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]

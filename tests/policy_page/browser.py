"""Chromium without a window, driven over its DevTools protocol through a pipe: keys, scripts, the accessibility tree.

The standard library is enough: messages are JSON that ends in a zero byte, on the file descriptors 3 and 4 of the
browser.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60.0
"""Seconds that a busy machine may take."""
KEYS = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
TEXTS = {"Enter": "\r", "Space": " "}

# The browser is often a shell script, which hands its descriptors on.
_AT_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 20) for fd in sys.argv[1:3]]
os.dup2(ends[0], 3); os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Tab:
    """One page of the browser."""

    to: int
    back: int
    session: str | None = None
    complaints: list[str] = field(default_factory=list)
    """What the page's console and the browser said was wrong."""
    asked: list[str] = field(default_factory=list)
    """Addresses that the page asked for."""
    _last: int = 0
    _unread: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._read(until)
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._heard(answer)

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self.back], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self.back, 1 << 20)
            assert piece, "the browser has ended"
            self._unread += piece
        first, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message

    def _heard(self, event: Mapping[str, Any]) -> None:
        method, found = event.get("method"), event.get("params", {})
        if method == "Log.entryAdded":
            self.complaints.append(f"{found['entry']['level']}: {found['entry']['text']}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(found["exceptionDetails"].get("exception", found["exceptionDetails"])))
        elif method == "Network.requestWillBeSent":
            self.asked.append(found["request"]["url"])

    def open(self, address: str) -> None:
        """Open a page and wait until it is there."""
        self.call("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.href === {json.dumps(address)}")

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression holds."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if self.run(condition):
                    return
            except AssertionError:  # between two pages there is none to ask
                if time.monotonic() > until:
                    raise
            assert time.monotonic() < until, f"never: {condition}"
            time.sleep(0.05)

    def press(self, key: str, times: int = 1, shift: bool = False) -> None:
        """Press a key as a keyboard does."""
        code = KEYS[key]
        held = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
        held |= {"modifiers": 8} if shift else {}
        text = {"text": TEXTS[key]} if key in TEXTS else {}
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", **held, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **held)

    def type(self, text: str) -> None:
        """Put text where the focus is, in place of what is selected."""
        self.call("Input.insertText", text=text)

    def accessible(self) -> list[dict[str, Any]]:
        """What a screen reader is given: role, name, value and properties of every element that it is told of."""
        found = []
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            if node.get("ignored"):
                continue
            properties = {one["name"]: one["value"].get("value") for one in node.get("properties", ())}
            found.append(
                {
                    "role": node.get("role", {}).get("value"),
                    "name": node.get("name", {}).get("value", ""),
                    "value": node.get("value", {}).get("value"),
                    "description": node.get("description", {}).get("value", ""),
                    **properties,
                }
            )
        return found

    def screenshot(self, path: Path, width: int = 1200, height: int = 1600, dark: bool = False) -> None:
        """Write a picture of the page."""
        self.look(width, height, dark)
        taken = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(taken["data"]))

    def look(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Set the size of the window and the colour scheme of the reader."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A browser with one empty page; `folder` is for what it keeps."""
    assert CHROMIUM is not None
    its_in, our_out = os.pipe()
    our_in, its_out = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _AT_3_AND_4, str(its_in), str(its_out), CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *(f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"),
        ],
        pass_fds=(its_in, its_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_in)
    os.close(its_out)
    tab = Tab(our_out, our_in)
    try:
        pages = [one for one in tab.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        target = pages[0]["targetId"] if pages else tab.call("Target.createTarget", url="about:blank")["targetId"]
        attached = tab.call("Target.attachToTarget", targetId=target, flatten=True)
        tab.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            tab.call(f"{domain}.enable")
        yield tab
        tab.session = None
        tab.call("Browser.close")
    finally:
        os.close(our_out)
        os.close(our_in)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

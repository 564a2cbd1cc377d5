"""A headless Chromium, driven over two pipes by its DevTools protocol: nothing has to be installed but itself."""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WHY_NOT = "needs Chromium (apt-get install chromium) and a POSIX system"
CAN_RUN = CHROMIUM is not None and os.name == "posix"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # A process that waits for the next page costs as much as one that shows it.
    *("--hide-scrollbars", "--remote-debugging-pipe", "--disable-features=SpareRendererForSitePerProcess"),
)
_PATIENCE_SEC = 60.0
_KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27, "Tab": 9, "Enter": 13}


class BrowserError(AssertionError):
    """The browser, or a script in it, said that something went wrong."""


class PageGone(BrowserError):
    """The page that was asked has been left before it answered; another one is coming."""


@dataclass
class Tab:
    """A page in the browser. `requests` are all URLs it asked for, `complaints` what its console said of trouble."""

    browser: Browser
    session: str
    profile: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self.call("Page.navigate", url=url)
        page = json.dumps(url.partition("#")[0])
        self.wait_for(f"document.readyState === 'complete' && location.href.split('#')[0] === {page}")

    def reload(self) -> None:
        """Load the page anew and wait until it has loaded; until then the old one would still answer."""
        self.run("window.isOld = true")
        self.call("Page.reload")
        self.wait_for("!window.isOld && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + _PATIENCE_SEC
        while not self._holds(script):
            if time.monotonic() > until:
                raise BrowserError(f"never came true: {script}")
            time.sleep(0.01)

    def _holds(self, script: str) -> bool:
        try:
            return bool(self.run(f"Boolean({script})"))
        except PageGone:
            return False

    def press(self, key: str) -> None:
        """Press and release a key, given by its name or its letter."""
        # The codes of other signs are those of other keys: a full stop's letter is Delete's number.
        code = _KEYS.get(key) or (ord(key.upper()) if key.isalnum() and key.isascii() else 0)
        more = {} if key in _KEYS and key != "Enter" else {"text": "\r" if key == "Enter" else key}
        for kind in ("keyDown", "keyUp"):
            typed = more if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        for letter in text:
            self.press(letter)

    def size(self, width: int, height: int, scheme: str = "light") -> None:
        """Give the window a size in CSS pixels, and the system a colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """A WebP of what the window shows."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="webp", quality=82)["data"])

    def close(self) -> None:
        """Close it, with all that it remembers."""
        self.browser.forget(self)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        return self.browser.call(method, self.session, parameters)

    def hear(self, method: str, said: dict[str, Any]) -> None:
        """Take an event that the browser tells."""
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(said["exceptionDetails"])[:1000])
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(said["args"])[:1000])
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(said["entry"]["text"] + " " + said["entry"].get("url", ""))


class Browser:
    """The browser's process and its two pipes."""

    def __init__(self, process: subprocess.Popen[bytes], to_it: int, from_it: int) -> None:
        self._process = process
        self._to_it, self._from_it = to_it, from_it
        self._selector = selectors.DefaultSelector()
        self._selector.register(from_it, selectors.EVENT_READ)
        self._heard = b""
        self._number = 0
        self._tabs: dict[str, Tab] = {}

    def tab(self) -> Tab:
        """A new page, in a profile of its own."""
        context = self.call("Target.createBrowserContext", None, {})["browserContextId"]
        target = self.call("Target.createTarget", None, {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", None, {"targetId": target, "flatten": True})["sessionId"]
        tab = self._tabs[session] = Tab(self, session, context)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.size(1280, 900)
        return tab

    def forget(self, tab: Tab) -> None:
        """Close a page and its profile."""
        del self._tabs[tab.session]
        self.call("Target.disposeBrowserContext", None, {"browserContextId": tab.profile})

    def call(self, method: str, session: str | None, parameters: dict[str, Any]) -> dict[str, Any]:
        """Send a command and read until its answer comes."""
        self._number += 1
        number = self._number
        told = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        left = memoryview(json.dumps(told).encode() + b"\0")
        while left:
            left = left[os.write(self._to_it, left) :]
        while True:
            said = self._next()
            if said.get("id") == number:
                if "error" in said:
                    why = str(said["error"])
                    kind = PageGone if "navigated" in why or "execution context" in why else BrowserError
                    raise kind(f"{method}: {why}")
                answer: dict[str, Any] = said["result"]
                return answer
            if said.get("sessionId") in self._tabs:
                self._tabs[said["sessionId"]].hear(said["method"], said["params"])

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE_SEC
        while b"\0" not in self._heard:
            if not self._selector.select(until - time.monotonic()):
                raise BrowserError("the browser says nothing any more")
            chunk = os.read(self._from_it, 2**20)
            if not chunk:
                raise BrowserError(f"the browser has ended: {self._process.poll()}")
            self._heard += chunk
        message, _, self._heard = self._heard.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A running browser with a new profile, ended on the way out."""
    assert CHROMIUM is not None
    its_input, our_output = os.pipe()
    our_input, its_output = os.pipe()
    with (profile.parent / f"{profile.name}.log").open("wb") as log:
        process = subprocess.Popen(
            # The browser reads its commands from descriptor 3 and answers on 4.
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{its_input} 4>&{its_output}',
                "bash",
                CHROMIUM,
                *_FLAGS,
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            pass_fds=(its_input, its_output),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(its_input)
    os.close(its_output)
    try:
        yield Browser(process, our_output, our_input)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(our_output)
        os.close(our_input)

"""Chromium without a window, driven through its DevTools protocol."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def find_chromium() -> str | None:
    """Where a browser is, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A running Chromium with pages."""

    def __init__(self, folder: Path, window: tuple[int, int]) -> None:
        size = f"--window-size={window[0]},{window[1]}"
        command = [find_chromium(), *FLAGS, size, f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        address = folder / "DevToolsActivePort"
        wait_for(lambda: address.exists() and len(address.read_text().split()) == 2, 40, "Chromium")
        self.port = int(address.read_text().split()[0])
        self.window = window

    def page(self, window: tuple[int, int] | None = None) -> Page:
        """A new, empty page."""
        from urllib.request import Request, urlopen

        request = Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urlopen(request) as answer:
            return Page(json.load(answer)["webSocketDebuggerUrl"], window or self.window)

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Page:
    """One tab: scripts, mouse, pictures, and what went wrong or over the network."""

    def __init__(self, url: str, window: tuple[int, int]) -> None:
        import websocket

        self.socket = websocket.create_connection(url, timeout=90, suppress_origin=True)
        self.number = 0
        self.errors: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=window[0], height=window[1], deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def send(self, method: str, **params):
        """Call a method of the protocol and return its result."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def _note(self, message: dict) -> None:
        params = message.get("params", {})
        kind = message.get("method")
        if kind == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {})
            self.errors.append(thrown.get("description") or details.get("text", "exception"))
        elif kind == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")
        elif kind == "Runtime.consoleAPICalled" and params["type"] == "error":
            texts = [str(a.get("value", a.get("description", ""))) for a in params["args"]]
            self.errors.append(" ".join(texts))
        elif kind == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)

    def ask(self, script: str):
        """Value of an expression; promises are waited for."""
        result = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description"))
        return result["result"].get("value")

    def until(self, script: str, seconds: float = 40.0):
        """Wait until an expression is true."""
        return wait_for(lambda: self.ask(f"!!({script})"), seconds, script)

    def box(self, element: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element (an expression), scrolled into sight."""
        return tuple(
            self.ask(
                f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}});"
                "const r = e.getBoundingClientRect();"
                "return [r.left, r.top, r.width, r.height]; })()"
            )
        )

    def picture(self, box: tuple | None = None, path: Path | None = None) -> np.ndarray:
        """(H, W, 3) of the page or of a part of it, also written to a file."""
        from PIL import Image

        params = {"format": "png"}
        if box is not None:
            x, y, width, height = box
            params["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        data = base64.b64decode(self.send("Page.captureScreenshot", **params)["data"])
        if path is not None:
            path.write_bytes(data)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float) / 255

    def drag(self, start: tuple, end: tuple, steps: int = 6) -> None:
        """Press, move in steps, release; page coordinates."""
        self._mouse("mouseMoved", start, 0)
        self._mouse("mousePressed", start, 1)
        for step in range(1, steps + 1):
            share = step / steps
            place = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
            self._mouse("mouseMoved", place, 1)
            time.sleep(0.04)
        self._mouse("mouseReleased", end, 0)

    def click(self, place: tuple) -> None:
        """Press and release at one place; page coordinates."""
        self._mouse("mouseMoved", place, 0)
        self._mouse("mousePressed", place, 1)
        self._mouse("mouseReleased", place, 0)

    def _mouse(self, kind: str, place, buttons: int) -> None:
        button = "none" if kind == "mouseMoved" and not buttons else "left"
        self.send(
            "Input.dispatchMouseEvent",
            type=kind, x=place[0], y=place[1], button=button, buttons=buttons,
            clickCount=0 if kind == "mouseMoved" else 1,
        )  # fmt: skip

    def close(self) -> None:
        self.socket.close()


def wait_for(condition, seconds: float, what: str):
    """Ask until it is true."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def saturation(picture: np.ndarray) -> float:
    """Share of the pixels of a picture that have a colour."""
    return float(((picture.max(axis=-1) - picture.min(axis=-1)) > 0.2).mean())


def difference(one: np.ndarray, two: np.ndarray) -> float:
    """Share of the pixels in which two pictures differ."""
    return float((np.abs(one - two).max(axis=-1) > 0.08).mean())


def settled(page: Page, box: tuple, path: Path | None = None, seconds: float = 20.0) -> np.ndarray:
    """A picture of a part of a page that no longer changes."""
    before = page.picture(box)
    end = time.monotonic() + seconds
    while True:
        time.sleep(0.3)
        now = page.picture(box, path)
        if np.array_equal(before, now) or time.monotonic() > end:
            return now
        before = now


def first_coloured(page: Page, box: tuple, seconds: float = 60.0) -> None:
    """Wait until a part of a page shows colours."""
    end = time.monotonic() + seconds
    while saturation(page.picture(box)) < 0.01:
        if time.monotonic() > end:
            raise TimeoutError(f"nothing coloured within {seconds:g} s")
        time.sleep(0.3)

"""The whole house as ``make run`` starts it, and a browser in front of it."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ml.decode import encode_png
from ml.render import render_page
from ml.synthetic import synthetic_signals

REPOSITORY = Path(__file__).resolve().parents[2]
START_WITHIN_S = 240
WIDE = (1440, 900)
NARROW = (390, 844)
START_PAGE = re.compile(r"^http://[^/]+/$")


@dataclass(frozen=True)
class House:
    """Web, workers and beat as processes of their own.

    Attributes:
        url: where the web process answers.
        supervisor: the process id of what started them.
    """

    url: str
    supervisor: int

    def signal_worker(self, number: signal.Signals) -> None:
        """Send a signal to the worker and its children."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended while we looked
            if parent == self.supervisor and b"worker" in command:
                os.killpg(int(entry.name), number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    said = b""
    deadline = time.monotonic() + START_WITHIN_S
    while b"Isoline is ready" not in said:
        ready, _, _ = select.select([process.stdout], [], [], 1)
        said += os.read(process.stdout.fileno(), 65536) if ready else b""
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Isoline did not start:\n{said.decode()}")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    port = _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")},
        "DJANGO_SETTINGS_MODULE": "ecgsite.settings.local",
        "ISOLINE_DATA_DIR": str(folder),
    }
    command = [sys.executable, "manage.py", "run_local", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _wait_until_ready(process)
        yield House(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def chromium_browser(chromium: str) -> Iterator[Browser]:
    # Per module and not per session: while Playwright runs, Django takes this thread for an asynchronous one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Window:
    """A browser window of its own; remembers what went wrong in it."""

    context: BrowserContext
    page: Page
    complaints: list[str]


def _open(browser: Browser, house: House, size: tuple[int, int], scheme: str = "light") -> Window:
    width, height = size
    phone = width < 500
    context = browser.new_context(
        base_url=house.url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        is_mobile=phone,
        has_touch=phone,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    window = Window(context, page, [])
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    page.on("console", lambda message: _note(window, message.type, message.text))
    return window


def _note(window: Window, kind: str, text: str) -> None:
    # Chromium reports every answer of 400 and above; refusals and expired log-ins are such answers by intent.
    if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
        window.complaints.append(text)


@pytest.fixture
def window(chromium_browser: Browser, house: House) -> Iterator[Callable[..., Window]]:
    """Open windows; scripts that throw or break the content security policy fail the test."""
    opened: list[Window] = []

    def new(size: tuple[int, int] = WIDE, scheme: str = "light") -> Window:
        opened.append(_open(chromium_browser, house, size, scheme))
        return opened[-1]

    yield new
    complaints = [complaint for window in opened for complaint in window.complaints]
    for each in opened:
        each.context.close()
    assert complaints == []


@pytest.fixture
def page(window: Callable[..., Window]) -> Page:
    """A wide window with the clinician signed in."""
    page = window().page
    sign_in(page)
    return page


def sign_in(page: Page, name: str = "clinician") -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("isoline-demo")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(START_PAGE)


@pytest.fixture(scope="session")
def drawn_by() -> dict[int, str]:
    """Which file of tests drew the page of a seed."""
    return {}


@pytest.fixture(scope="module")
def draw(request: pytest.FixtureRequest, drawn_by: dict[int, str]) -> Callable[[int], bytes]:
    """A rendered full-size page of its own for every seed.

    The house outlives a file of tests: a page that another file uploaded would be found and not stored again.
    """
    here = request.module.__name__

    def page_of(seed: int) -> bytes:
        assert drawn_by.setdefault(seed, here) == here, f"page {seed} belongs to {drawn_by[seed]}"
        return encode_png(render_page(synthetic_signals(seed=seed), seed=seed).image)

    return page_of

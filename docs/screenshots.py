"""Takes the pictures of the README anew: `make screenshots`.

It starts DataSync on a data folder of its own with the demo, walks a first import in a browser, and
writes docs/images/*.png. Run it after a page has changed its look.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webapp.services.demo import DEMO_USERS  # noqa: E402
from webapp.services.samples import CLEAN, MISTAKES  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1200, "height": 800}
MOST_BYTES = 200_000
PATIENCE = 120.0


@contextmanager
def running_demo() -> Iterator[str]:
    """The address of a DataSync with nothing but the demo in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="datasync-screenshots-") as folder:
        command = [Path(sys.executable).with_name("datasync"), "serve"]
        command += ["--data", folder, "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            _await(f"{url}/health", process)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit("DataSync did not start; its own words are above.")
        try:
            with urlopen(url, timeout=5):  # noqa: S310  # our own address
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"DataSync did not answer within {PATIENCE:.0f} seconds.")


def shoot(page: Page, name: str, *, full: bool = False) -> None:
    """A picture of the page as it is now."""
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=full, animations="disabled", caret="hide")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes; {MOST_BYTES:,} is the most.")
    sys.stdout.write(f"{path.relative_to(ROOT)}  {size:,} bytes\n")


def press(page: Page, name: str) -> None:
    """Follow the link or press the button of this name."""
    page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).first.click()


def sign_in(page: Page, url: str) -> None:
    """As the demo's site administrator."""
    admin = DEMO_USERS[0]
    page.goto(url)
    page.get_by_label("Email").fill(admin.email)
    page.get_by_label("Password").fill(admin.password)
    press(page, "Sign in")
    page.get_by_role("heading", name="My Data Sync Operations").wait_for()


def fetch_sample(page: Page, name: str, folder: Path) -> Path:
    """A sample, downloaded from the wizard's first page."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = folder / name
    download.value.save_as(path)
    return path


def upload_sample(page: Page, url: str, name: str, folder: Path) -> None:
    """The wizard from its first page to what was found in the file."""
    page.goto(f"{url}/operations/donor-system-update/start")
    path = fetch_sample(page, name, folder)
    press(page, "Continue")
    page.locator("input[type=file]").set_input_files(path)
    upload = page.get_by_role("button", name="Upload and check")
    if upload.is_visible():
        upload.click()
    page.get_by_role("heading", name="First rows").wait_for()


def look_ahead(page: Page) -> None:
    """From what was found to the finished preview."""
    page.get_by_role("link", name="Continue", exact=True).click()
    press(page, "Show me what would happen")
    page.get_by_role("link", name="Continue to review").wait_for(timeout=PATIENCE * 1000)


def walk(page: Page, url: str, folder: Path) -> None:
    """A first import, as the README tells it."""
    sign_in(page, url)
    shoot(page, "operations")
    upload_sample(page, url, MISTAKES, folder)
    look_ahead(page)
    page.get_by_role("link", name="Not a date").first.click()
    page.get_by_role("heading", name=re.compile("Not a date")).wait_for()
    shoot(page, "problems")
    upload_sample(page, url, CLEAN, folder)
    shoot(page, "found")
    look_ahead(page)
    shoot(page, "preview")
    press(page, "Continue to review")
    page.locator(".btn-run").click()
    page.get_by_text("Success").first.wait_for(timeout=PATIENCE * 1000)
    page.reload()
    shoot(page, "results")
    page.get_by_role("definition").filter(has_text="180").get_by_role("link").click()
    page.locator("#run-rows a[href*='/constituents/']").nth(1).click()
    press(page, "History")
    shoot(page, "history")
    walk_out(page, url)


def walk_out(page: Page, url: str) -> None:
    """A first download, and what it holds back."""
    page.goto(f"{url}/operations/constituent-data-download/download")
    press(page, "Show me what it would give")
    page.get_by_role("heading", name="Registration conflicts").wait_for()
    press(page, "Show me what it would give")
    run = page.get_by_role("button", name="Run", exact=True)
    run.click(timeout=PATIENCE * 1000)
    page.get_by_role("link", name="Download as CSV").wait_for(timeout=PATIENCE * 1000)
    page.goto(f"{url}/held-back")
    page.get_by_role("heading", name="Values to map").wait_for()
    shoot(page, "held-back")


def main() -> None:
    """Take them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("DATASYNC_CHROMIUM") or shutil.which("chromium")
    with (
        running_demo() as url,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if chromium else []
        )
        page = browser.new_page(viewport=WINDOW, reduced_motion="reduce", color_scheme="light")
        walk(page, url, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()

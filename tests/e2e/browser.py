"""What browser tests share: signing in, and the look at a page in every width and theme."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.processes.serving import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.people import Person

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "webapp" / "static" / "vendor" / "axe.min.js"
WIDTHS = ((1440, 900), (390, 844))
NARROWEST = {"width": 360, "height": 740}
THEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def sign_in(page: Page, url: str, person: Person) -> None:
    """Sign in through the page."""
    page.goto(f"{url}/account/sign-in")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/account/sign-in" not in address)


def begin_upload(page: Page, url: str, slug: str, path: Path) -> None:
    """Start an operation with its own label and give it this file: the wizard's first two steps."""
    page.goto(f"{url}/operations/{slug}/start")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Choose a file").set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()


def look_at(page: Page, name: str) -> None:
    """Check the open page in every width and theme: axe finds nothing, nothing sticks out to the
    right. With DATASYNC_SHOTS set to a folder, keep a picture of each."""
    settle(page)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for width, height in WIDTHS:
            page.set_viewport_size({"width": width, "height": height})
            where = f"{name} at {width} px, {theme}"
            take_shot(page, f"{name}-{width}-{theme}")
            assert_fits(page, where)
            faults = violations(page)
            assert not faults, f"{where}:\n" + "\n".join(faults)

    page.set_viewport_size(NARROWEST)
    assert_fits(page, f"{name} at its narrowest")


def settle(page: Page) -> None:
    """Wait until the page is there as a whole, and nothing that it asked for is on its way. (Never
    with `wait_for_function`: its second look is an eval, which the pages forbid.)"""
    page.wait_for_load_state()
    expect(page.locator(".htmx-request, .htmx-swapping")).to_have_count(0)


def await_focus(element: Locator) -> None:
    """Wait until the keyboard is at this element."""
    assert eventually(lambda: element.evaluate("element => element === document.activeElement"))


def assert_fits(page: Page, where: str) -> None:
    """Nothing makes the whole page scroll sideways."""
    sticks_out = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert sticks_out <= 0, f"{where}: {sticks_out} px wider than the window"


def violations(page: Page) -> list[str]:
    """What axe finds on the open page, one line each."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": RULES}}
    # Colours that are still fading would be measured half way.
    page.evaluate("Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    result: dict[str, Any] = page.evaluate("options => window.axe.run(document, options)", options)
    return [
        f"{fault['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for fault in result["violations"]
        for node in fault["nodes"]
    ]


def take_shot(page: Page, name: str) -> None:
    """A picture of the whole page, if pictures are wanted."""
    folder = os.environ.get("DATASYNC_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        # Hiding the caret would leave a style attribute on every field, for the CSP to refuse later
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True, caret="initial")

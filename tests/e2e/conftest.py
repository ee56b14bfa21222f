"""A running site and a browser for every test in this folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.people import Person, make_person
from tests.working import working
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page

    from webapp.settings import Settings


# As patient as everything else that Playwright waits for: a machine may have much else to do
expect.set_options(timeout=30_000)

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def base_url() -> None:
    """Nothing: each test has a site of its own. (The plugin's fixture warns under this pytest.)"""
    return


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium, else Playwright's; root needs it without its sandbox."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    path = {"executable_path": found} if found else {}
    return {**browser_type_launch_args, **path, "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A desktop window; motion is off so that pictures and colours hold still."""
    return {
        **browser_context_args,
        "viewport": {"width": 1440, "height": 900},
        "reduced_motion": "reduce",
    }


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """The address of the test's application, served with CSRF protection as in production."""
    app.config.update(TESTING=False, WTF_CSRF_ENABLED=True)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def manager(app: Flask) -> Person:
    return make_person(
        app, "mia.manager@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE
    )


@pytest.fixture
def worker(settings: Settings, app: Flask) -> Iterator[None]:
    """A real worker on the imports queue."""
    with working(settings):
        yield


@pytest.fixture
def without_javascript(
    browser: Any, browser_context_args: dict[str, Any]
) -> Iterator[BrowserContext]:
    """A browser whose JavaScript is turned off."""
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    yield context
    context.close()


@pytest.fixture(autouse=True)
def no_script_errors(page: Page) -> Iterator[None]:
    """Nothing may be refused by the content security policy or thrown by a script."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda message: (
            found.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    yield
    assert not found, found

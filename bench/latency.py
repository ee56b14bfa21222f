"""How long pages take while an import runs, against the same pages when nothing does."""

from __future__ import annotations

import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import psycopg

from bench.files import write_file
from tests.services import Services, environment_of

PASSWORD = "a bench's own password"
EMAIL = "bench@example.org"
REQUESTS = 150
SEARCHES = ("garcia", "smith olivia", "person4711@example.org", "M-0004711", "555-4711")


@dataclass(frozen=True, slots=True)
class Latency:
    """The 95th percentile of one page, in seconds: idle, and while an import runs."""

    page: str
    idle: float
    busy: float


def measure_latency(services: Services, folder: Path, rows: int) -> list[Latency]:
    """The run's page and constituent search in a database of `rows` constituents."""
    name = services.create_database()
    settings = services.settings(name, folder / name)
    environment = environment_of(settings)
    clean = write_file(folder / f"latency-{rows}.csv", rows)
    changed = write_file(folder / f"latency-changed-{rows}.csv", rows, changed_every=10)
    try:
        _make_person(environment)
        _step(environment, clean).wait()
        with psycopg.connect(services.postgres.url(name), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        with _web(environment) as address:
            visit = _signed_in(address)
            pages: dict[str, Callable[[int], object]] = {
                "run page": lambda _: visit(f"{address}/runs/2"),
                "constituent search": lambda n: visit(
                    f"{address}/constituents/?" + urlencode({"q": SEARCHES[n % len(SEARCHES)]})
                ),
            }
            _step(environment, clean).wait()  # so that there is a run 2
            idle = {page: _p95(ask, lambda n: n < REQUESTS) for page, ask in pages.items()}
            running = _step(environment, changed)
            busy = _while_running(running, pages)
        return [Latency(page, idle[page], busy[page]) for page in pages]
    finally:
        services.drop_database(name)


def _while_running(
    running: subprocess.Popen[str], pages: dict[str, Callable[[int], object]]
) -> dict[str, float]:
    """Both pages at once, as two people would, until the import ends."""
    found: dict[str, float] = {}

    def measure(page: str, ask: Callable[[int], object]) -> None:
        found[page] = _p95(ask, lambda _: running.poll() is None)

    threads = [threading.Thread(target=measure, args=pair) for pair in pages.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _p95(ask: Callable[[int], object], goes_on: Callable[[int], bool]) -> float:
    seconds: list[float] = []
    while goes_on(len(seconds)):
        began = time.perf_counter()
        ask(len(seconds))
        seconds.append(time.perf_counter() - began)
        time.sleep(0.05)
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else float("nan")


def _step(environment: dict[str, str], path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.step", "import", str(path)],
        env=environment,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def _make_person(environment: dict[str, str]) -> None:
    code = (
        "from webapp import create_app\n"
        "from webapp.extensions import db\n"
        "from webapp.services.users import create_user\n"
        "app = create_app()\n"
        "with app.app_context():\n"
        f"    create_user(db.session, email={EMAIL!r}, name='Bench', password={PASSWORD!r},"
        " is_site_admin=True, is_vendor_support=False, grants=[])\n"
        "    db.session.commit()\n"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@contextmanager
def _web(environment: dict[str, str]) -> Iterator[str]:
    """The web server as `serve` runs it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2",
         "--threads", "4", "--worker-class", "gthread", "--log-level", "error", "wsgi:app"],
        env=environment,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            build_opener().open(url, timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            return
    sys.exit(f"{url} did not answer within {seconds:.0f} seconds")


def _signed_in(address: str) -> Callable[[str], bytes]:
    """A function that fetches pages as a person who is signed in."""
    cookies = CookieJar()

    def opener() -> OpenerDirector:
        return build_opener(HTTPCookieProcessor(cookies))

    def visit(url: str) -> bytes:
        with opener().open(url, timeout=60) as answer:
            return bytes(answer.read())

    form = visit(f"{address}/account/sign-in").decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    if token is None:
        sys.exit("the sign-in page has no form")
    data = {"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]}
    opener().open(f"{address}/account/sign-in", urlencode(data).encode(), timeout=60).close()
    return visit

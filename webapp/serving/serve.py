"""`datasync serve`: everything one machine needs, until it is told to stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from webapp.serving import processes
from webapp.serving.attaching import prepare_database
from webapp.serving.data_folder import Attachment, DataFolder
from webapp.serving.errors import ServingError
from webapp.serving.first_start import SignIn, prepare_data
from webapp.serving.stack import Stack, Work

READY_SECONDS = 180
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(Exception):
    """Ctrl-C or SIGTERM while starting."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line says."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    demo: bool = True

    @property
    def address(self) -> str:
        """What to type into a browser on this machine."""
        everywhere = self.host in {"0.0.0.0", "::", ""}  # noqa: S104
        host = "localhost" if everywhere else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class StopSwitch:
    """Turns signals into one request to stop; until `settle` it interrupts what is going on."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self._interrupt = True

    def install(self) -> None:
        """Listen from now on (not to a hang-up that `nohup` has switched off)."""
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def settle(self) -> None:
        """From now on only remember the request: what is going on must come to its end."""
        self._interrupt = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first = not self.requested.is_set()
        self.requested.set()
        if first and self._interrupt:
            raise StopRequestedError


def serve(options: ServeOptions) -> None:
    """Start everything, say where, keep it running, stop everything."""
    folder = DataFolder(options.data.resolve())
    folder.prepare()
    switch = StopSwitch()
    switch.install()
    with folder.lock("serve"):
        _require_free_port(options)
        stack = Stack(folder, Work((options.host, options.port), 2, 1, scheduler=True))
        try:
            _run(stack, folder, options, switch)
        except StopRequestedError:
            pass
        finally:
            switch.settle()
            folder.withdraw()
            stack.stop()


def _run(stack: Stack, folder: DataFolder, options: ServeOptions, switch: StopSwitch) -> None:
    stack.start_services()
    prepare_database(stack)
    sign_ins = prepare_data(stack.database_url, demo=options.demo)
    # The page first: what it needs to answer has the machine to itself.
    stack.start_web()
    _await_page(stack, folder, options)
    stack.start_work()
    folder.announce(
        Attachment(os.getpid(), "serve", options.address, stack.database_url, stack.redis_url)
    )
    switch.settle()
    _print_welcome(options, folder, sign_ins)
    while not switch.requested.wait(1.0):
        stack.keep()


def _require_free_port(options: ServeOptions) -> None:
    try:
        found = socket.getaddrinfo(options.host or None, options.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise ServingError(
            f"There is no address {options.host} on this machine. Choose another with --host."
        ) from None
    except OSError as error:
        raise ServingError(
            f"Port {options.port} on {options.host} cannot be used ({error.strerror}). "
            "Choose another with --port."
        ) from None


def _await_page(stack: Stack, folder: DataFolder, options: ServeOptions) -> None:
    """Wait until the page answers; a web server that keeps ending is a fault, not a delay."""

    def settled() -> bool:
        return _page_answers(options) or stack.failing("web")

    processes.wait_until(settled, seconds=READY_SECONDS, pause=0.05)
    if not _page_answers(options):
        raise ServingError(f"The web server did not start; {folder.log / 'web.log'} says why.")


def _page_answers(options: ServeOptions) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(  # noqa: S104
        options.host, options.host
    )
    connection = http.client.HTTPConnection(host, options.port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _print_welcome(options: ServeOptions, folder: DataFolder, sign_ins: list[SignIn]) -> None:
    lines = [f"\nDataSync is running at {options.address}", f"Its data is in {folder.path}"]
    if sign_ins:
        width = max(len(user.email) for user in sign_ins)
        password_width = max(len(user.password) for user in sign_ins)
        lines.append("\nSign in as")
        lines += [
            f"  {user.email:{width}}  password {user.password:{password_width}}  {user.may}"
            for user in sign_ins
        ]
    lines.append("\nCtrl-C stops it.")
    try:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except OSError:
        # Nobody reads what we print any more (a closed terminal or pipe); go on serving.
        return

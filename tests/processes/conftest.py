"""One running `serve` for the tests that do no more to it than it can mend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.serving import Serve


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Without the demo, in a folder whose name is awkward on purpose."""
    started = Serve.start(tmp_path_factory.mktemp("awkward") / "da ta #1; 100%", "--no-demo")
    yield started
    assert started.stop() == 0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a test's own installation goes."""
    return tmp_path / "var"

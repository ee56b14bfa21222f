"""The site that tests of the engine import into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.jobs.site import Site, make_site

if TYPE_CHECKING:
    from tests.services import Services


@pytest.fixture(scope="session")
def shared_site(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One database for the whole session: making one takes longer than emptying it."""
    from webapp.extensions import db

    made = make_site(services, tmp_path_factory.mktemp("site"))
    yield made
    made.connection.close()
    with made.app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """An empty site."""
    shared_site.reset()
    return shared_site

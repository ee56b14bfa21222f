"""What every test can ask for: real services, a database of its own, the application on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

    from tests.services import Services
    from webapp.settings import Settings

# A runner started in the background ignores SIGINT, and so would every process that a test starts
# in order to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is: one of 0.1 ms took 310 beside other work
hypothesis_settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any machine")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: archives have the time in them, and workers that collect in different
    seconds would know different tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """One PostgreSQL and one Valkey for the whole session (fast, not durable)."""
    from tests.services import running_services

    with running_services(durable=False) as started:
        yield started


@pytest.fixture
def database(services: Services) -> Iterator[str]:
    """The name of an empty, migrated database that only this test sees."""
    name = services.create_database()
    yield name
    services.drop_database(name)


@pytest.fixture
def settings(services: Services, database: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings on that database, an empty Valkey and a data folder of the test's own."""
    from tests.services import flush

    # What a killed worker of the test before wrote with its last breath
    flush(services)
    yield services.settings(database, tmp_path / "data")
    flush(services)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application. Forms need no CSRF token unless a test turns it on again."""
    from webapp import create_app
    from webapp.extensions import db

    application = create_app(settings)
    application.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield application
    with application.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """The session of an application context that lasts as long as the test."""
    from webapp.extensions import db

    with app.app_context():
        yield db.session()
        db.session.remove()


@pytest.fixture
def client(app: Flask) -> FlaskClient[Any]:
    """A browser without a browser."""
    return app.test_client()

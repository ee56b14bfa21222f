"""The services that tests run on are the real ones, and each test has a database of its own."""

from __future__ import annotations

import psycopg
import pytest
import redis

from tests.services import Services
from webapp.settings import Settings, libpq_url


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_starts_with_an_empty_migrated_database(settings: Settings, turn: int) -> None:
    with psycopg.connect(libpq_url(settings.database_url)) as connection:
        connection.execute("CREATE TABLE only_here (turn int)")
        found = connection.execute("SELECT count(*) FROM constituents").fetchone()
    assert found == (0,)


def test_the_queue_is_empty_at_first(settings: Settings) -> None:
    with redis.Redis.from_url(settings.redis_url) as client:
        assert client.dbsize() == 0


def test_the_database_compares_text_as_python_does(services: Services) -> None:
    with psycopg.connect(services.postgres.url("postgres")) as connection:
        row = connection.execute("SELECT lower('ÀÉÖŁΣ')").fetchone()
    assert row == ("ÀÉÖŁΣ".lower(),)

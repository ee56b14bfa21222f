"""What a web server in front says about a request is believed only where one is configured."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request

from webapp import create_app
from webapp.settings import Settings

SAID = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxies", "address", "is_secure"),
    [(0, "127.0.0.1", False), (1, "198.51.100.7", True)],
)
def test_trusted_proxies(tmp_path: Path, proxies: int, address: str, is_secure: bool) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        files_url=tmp_path.as_uri(),
        secret_key="a secret for tests only",
        trusted_proxies=proxies,
    )
    app = create_app(settings)
    seen: list[tuple[str | None, bool]] = []
    app.before_request_funcs.setdefault(None, []).insert(
        0, lambda: seen.append((request.remote_addr, request.is_secure))
    )
    app.test_client().get("/static/app.css", headers=SAID).close()
    assert seen == [(address, is_secure)]

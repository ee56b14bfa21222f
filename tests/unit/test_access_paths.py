"""Where a person may be sent after signing in: only to a path of this site."""

from __future__ import annotations

import pytest

from webapp.sessions import local_path


@pytest.mark.parametrize(
    "url",
    ["/", "/runs/7", "/runs/7?page=2&outcome=rejected", "/constituents/?q=a%20b"],
)
def test_a_path_of_this_site_is_kept(url: str) -> None:
    assert local_path(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "runs/7",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "https://evil.example/",
        "http:evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://[broken",
        " /runs",
    ],
)
def test_anything_else_is_not(url: str | None) -> None:
    assert local_path(url) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://site.example/runs/7?x=1#top", "/runs/7?x=1"),
        ("https://site.example//evil.example/", None),
        ("https://site.example.evil.example/runs", None),
        ("https://site.example@evil.example/runs", None),
        ("ftp://site.example/runs", None),
    ],
)
def test_a_full_address_is_taken_only_from_this_host(url: str, path: str | None) -> None:
    assert local_path(url, host="site.example") == path

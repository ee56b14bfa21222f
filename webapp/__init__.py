"""The web application: `create_app` is the one place where its parts are put together."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from webapp.settings import Settings

if TYPE_CHECKING:  # commands that only read files do without the web server's parts
    from flask import Flask

# Every module of webapp/views that has pages. Extend it when you add one.
VIEWS = (
    "health",
    "home",
    "accounts",
    "users",
    "centers",
    "custom_fields",
    "operations",
    "samples",
    "uploads",
    "wizard",
    "downloads",
    "held_back",
    "registrations",
    "conflicts",
    "found",
    "previews",
    "runs",
    "rows",
    "undo",
    "constituents",
    "transactions",
    "groups",
    "group_edits",
    "memberships",
    "crossrefs",
    "crossref_unmapped",
    "crossref_coverage",
    "crossref_history",
    "messages",
    "help",
)

STATIC = Path(__file__).parent / "static"
HTMX_CONFIG = json.dumps(
    {
        "allowEval": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        "historyCacheSize": 0,
        # A button that has come in answers at once: pressed within the usual 20 ms (a busy
        # computer's 200), it would send its form the way it does without script.
        "defaultSettleDelay": 0,
        "responseHandling": [
            {"code": "204", "swap": False},
            {"code": "[23]..", "swap": True},
            {"code": "422", "swap": True},
            {"code": "[45]..", "swap": False, "error": True},
        ],
    }
)


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The application with these settings (by default those of the environment). It opens no
    connection: gunicorn may fork after it."""
    from flask import Flask
    from jinja2 import StrictUndefined

    from webapp.config import flask_config, register_redis

    settings = settings or Settings.from_env()
    app = Flask(__name__)
    app.config.from_mapping(flask_config(settings))
    app.config.update(overrides)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    register_redis(app, settings)
    _trust_proxies(app, settings.trusted_proxies)
    _register_extensions(app)
    _register_views(app)
    _register_templates(app, settings)
    return app


def _trust_proxies(app: Flask, count: int) -> None:
    """Believe what that many web servers in front say about the address and scheme people use; the
    limit on wrong passwords would otherwise count everybody as the web server."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    if count > 0:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )


def _register_extensions(app: Flask) -> None:
    import webapp.models  # noqa: F401  # the tables have to be known
    from webapp.access import register_access
    from webapp.extensions import csrf, db, htmx, limiter, mail, migrate
    from webapp.requests import Request, discard_unclaimed
    from webapp.security import register_security
    from webapp.sessions import register_sessions

    htmx.init_app(app)
    app.request_class = Request
    app.teardown_request(discard_unclaimed)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(Path(__file__).parent / "migrations"))
    with app.app_context():
        register_sessions(app)
    register_access(app)
    csrf.init_app(app)
    limiter.init_app(app)
    mail.init_app(app)
    register_security(app)


def _register_views(app: Flask) -> None:
    from flask import Blueprint

    from webapp.views.errors import register_errors

    for name in VIEWS:
        module_name = f"{__name__}.views.{name}"
        if importlib.util.find_spec(module_name) is None:
            continue
        module = importlib.import_module(module_name)
        blueprints = [value for value in vars(module).values() if isinstance(value, Blueprint)]
        for blueprint in blueprints:
            if blueprint.import_name == module_name:
                app.register_blueprint(blueprint)
    register_errors(app)


def _register_templates(app: Flask, settings: Settings) -> None:
    from flask import url_for

    from webapp.formats import register_formats
    from webapp.navigation import build_navigation

    register_formats(app, ZoneInfo(settings.time_zone))
    app.add_template_global(asset, "asset")
    app.jinja_env.globals["site_name"] = settings.site_name
    app.jinja_env.globals["htmx_config"] = HTMX_CONFIG

    @app.context_processor
    def frame() -> dict[str, Any]:
        return {"navigation": build_navigation(), "home_url": url_for("home.index")}


def asset(filename: str) -> str:
    """The address of a static file; it changes with the file, so browsers may keep it."""
    from flask import url_for

    return url_for("static", filename=filename, v=_fingerprint(filename))


@cache
def _fingerprint(filename: str) -> str:
    path = STATIC / filename
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "missing"

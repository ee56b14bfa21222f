"""The application with its services behind it, for as long as a command works."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from webapp import create_app
from webapp.extensions import db
from webapp.serving.attaching import Attached, attached
from webapp.serving.data_folder import DataFolder
from webapp.serving.stack import Work


@contextmanager
def at_work(options: argparse.Namespace, command: str) -> Iterator[Attached]:
    """Inside an application context, attached to a running `serve` or with services of its own: a
    worker, and what takes over after one that died."""
    folder = DataFolder(options.data.resolve())
    with attached(folder, command, Work(imports=1, scheduler=True)) as services:
        app = create_app(services.settings)
        with app.app_context():
            try:
                yield services
            finally:
                db.session.remove()
                db.engine.dispose()

"""`datasync serve`."""

from __future__ import annotations

import argparse

from webapp.serving.serve import ServeOptions, serve


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    serve(ServeOptions(options.data, options.host, options.port, options.demo))
    return 0

"""`datasync database-url`."""

from __future__ import annotations

import argparse
import os
import sys

from webapp.serving.data_folder import DataFolder
from webapp.serving.postgres import Postgres
from webapp.settings import libpq_url


def run(options: argparse.Namespace) -> int:
    """Print the address. The embedded database answers there while something of ours runs."""
    folder = DataFolder(options.data.resolve())
    attachment = folder.attachment()
    if attachment is not None:
        url = attachment.database_url
    elif outside := os.environ.get("DATASYNC_DATABASE_URL"):
        url = libpq_url(outside)
    else:
        folder.prepare()
        url = Postgres(folder.postgres, folder.sockets / "pg", folder.log / "postgres.log").url()
        sys.stderr.write("Nothing runs on this data now; start it with `datasync serve`.\n")
    print(url)
    return 0

"""The console command `datasync`. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path

from webapp.cli.usage import Parser, WrongUsageError, tell_wrong_usage

DEFAULT_DATA = "./var"
DEFAULT_PORT = 8000
LONGEST_LABEL = 150
DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    "colon": ":",
    "caret": "^",
    "space": " ",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 is success, 1 failure (one sentence on stderr), 2 wrong usage."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = build_parser().parse_args(arguments)
    except WrongUsageError as error:
        return tell_wrong_usage(str(error), is_json="--json" in arguments, text=error.text)
    from webapp.errors import DataSyncError
    from webapp.serving.errors import ServingError
    from webapp.settings import SettingsError

    command: Callable[[argparse.Namespace], int] = import_module(options.module).run
    try:
        code = command(options)
        sys.stdout.flush()
    except (ServingError, SettingsError, DataSyncError) as error:
        sys.stderr.write(f"datasync: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read it has seen enough (`| head`); the flush at the very end shall not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def build_parser() -> argparse.ArgumentParser:
    """Every command and option."""
    parser = Parser(prog="datasync", description="Moves constituent data between two databases.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(_command(commands, "serve", "start everything and keep it running"))
    _add_run(_command(commands, "run", "run an operation on a file and wait for its end"))
    _add_download(_command(commands, "download", "write what changed to a file"))
    undo = _command(commands, "undo", "take back what a run did")
    undo.add_argument("run", metavar="RUN", type=_run_number, help="the run's number")
    _add_json(undo)
    _add_json(_command(commands, "status", "say what is running and what is waiting"))
    _add_create_user(_command(commands, "create-user", "make a user; the password comes on stdin"))
    _command(commands, "database-url", "print where the database is, for psql and the like")
    _add_inspect(_file_command(commands, "inspect", "say what is in a file, without importing it"))
    _add_clean(_file_command(commands, "clean", "write the table of a file as clean CSV"))
    return parser


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = _file_command(commands, name, text)
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get("DATASYNC_DATA") or DEFAULT_DATA),
        help=f"the data folder (default: DATASYNC_DATA, else {DEFAULT_DATA})",
    )
    return parser


def _file_command(
    commands: argparse._SubParsersAction[Parser], name: str, text: str
) -> argparse.ArgumentParser:
    """A command that needs nothing but what it is given: no data folder, no services."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(module=f"webapp.cli.{name.replace('-', '_')}")
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--no-demo", dest="demo", action="store_false", help="begin empty, with one administrator"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "operation", metavar="OPERATION", type=_text, help="standard-constituent-import, ..."
    )
    parser.add_argument("--file", metavar="F", type=Path, required=True, help="the file to run on")
    parser.add_argument(
        "--label", metavar="L", type=_label, default="", help="what to call the run"
    )
    parser.add_argument("--preview", action="store_true", help="only show what would happen")
    parser.add_argument(
        "--type", metavar="T", type=_text, help="cross-reference-upload: group, field:TITLE, ..."
    )
    parser.add_argument("--center", metavar="C", type=_text, help="run it for this center only")
    parser.add_argument(
        "--date-order", choices=("mdy", "dmy"), help="what 1/2/2026 means (default: mdy)"
    )
    parser.add_argument(
        "--repair",
        metavar="KINDS",
        type=_damage_kinds,
        default=frozenset(),
        help="repair this damage: none (default), all, or kinds that `inspect` names",
    )
    _add_reading(parser)
    _add_json(parser)


def _add_download(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "operation", metavar="OPERATION", type=_text, help="constituent-data-download, ..."
    )
    parser.add_argument(
        "--out", metavar="F", type=Path, required=True, help="where to write it: F.csv or F.xlsx"
    )
    parser.add_argument(
        "--since",
        metavar="S",
        type=_since,
        help="last (the last success; default), everything, or a date such as 2026-03-01",
    )
    parser.add_argument("--center", metavar="C", type=_text, help="only what is of this center")
    parser.add_argument(
        "--run",
        metavar="RUN",
        type=_run_number,
        help="download nothing new: fetch the files of this run again",
    )
    parser.add_argument(
        "--label", metavar="L", type=_label, default="", help="what to call the run"
    )
    _add_json(parser)


def _since(text: str) -> str:
    if text in ("last", "everything"):
        return text
    from webapp.rules.download_settings import is_start

    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not is_start(day):
        raise argparse.ArgumentTypeError(
            f"“{text}” is neither last, nor everything, nor a date such as 2026-03-01"
        )
    return day.isoformat()


def _add_create_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", metavar="EMAIL")
    parser.add_argument(
        "--role", required=True, help="site-administrator, data-sync-run, data-sync-manage, ..."
    )
    parser.add_argument(
        "--center", metavar="C", type=_text, help="give the role for this center only"
    )
    parser.add_argument("--name", type=_text, default="", help="what the pages call the user")


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--rows", metavar="N", type=_count, help="look at the first N rows only (default: all)"
    )
    _add_reading(parser)
    _add_json(parser)


def _add_clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", metavar="OUT.csv", type=Path, help="where to write the table")
    target.add_argument(
        "--out-dir", metavar="DIR", type=Path, help="write DIR/NAME.csv for each file"
    )
    parser.add_argument(
        "--repair",
        metavar="KINDS",
        type=_text,
        help="repair this damage too: all, or kinds that `inspect` names, with commas between",
    )
    parser.add_argument(
        "--name-columns",
        action="store_true",
        help="begin a table that has no header with the names inspect shows",
    )
    _add_reading(parser)
    _add_json(parser)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """What a person can say about how a file is to be read."""
    parser.add_argument(
        "--sheet",
        metavar="NAME",
        type=_text,
        help="the sheet of a workbook, or of a web page Table 1, Table 2, ...",
    )
    parser.add_argument("--member", metavar="NAME", type=_text, help="the file in a .zip")
    parser.add_argument("--encoding", metavar="E", type=_encoding, help="utf-8, windows-1252, ...")
    parser.add_argument(
        "--delimiter",
        metavar="D",
        type=_delimiter,
        help="what stands between cells: the character, or comma, semicolon, tab, pipe, space",
    )


def _encoding(text: str) -> str:
    from webapp.rules.reading.encodings import ENCODING_LABELS, known_encoding

    known = known_encoding(text)
    if known is None:
        raise argparse.ArgumentTypeError(
            f"{text} can't be read; use one of {', '.join(ENCODING_LABELS)}"
        )
    return known


def _delimiter(text: str) -> str:
    if not text or {"\n", "\r"} & set(text):
        raise argparse.ArgumentTypeError("give the character that stands between cells")
    return DELIMITERS.get(text.lower(), text)


def _damage_kinds(text: str) -> frozenset[str]:
    from webapp.rules.doctor.contract import DamageKind

    known = {str(kind) for kind in DamageKind}
    kinds = {kind.strip() for kind in text.split(",")}
    if kinds == {"none"}:
        return frozenset()
    if kinds == {"all"}:
        return frozenset(known)
    if not kinds <= known:
        names = ", ".join(sorted(known))
        raise argparse.ArgumentTypeError(f"{text} is no damage; use all, none, or of {names}")
    return frozenset(kinds)


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not number:
        raise argparse.ArgumentTypeError(f"{text} is no number of rows; use 1 or more")
    return number


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; choose one from 1 to 65535")
    return number


def _run_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number < 2**63:
        raise argparse.ArgumentTypeError(
            f"{text} is no number of a run; `datasync status` lists them"
        )
    return number


def _text(text: str) -> str:
    if not text.isprintable():  # neither is what came in as bytes that are no UTF-8
        raise argparse.ArgumentTypeError("write it on one line and in UTF-8")
    return text


def _label(text: str) -> str:
    if len(text) > LONGEST_LABEL:
        raise argparse.ArgumentTypeError(f"use at most {LONGEST_LABEL} characters")
    return _text(text)

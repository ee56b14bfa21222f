"""Of which records something is true that takes many rows to tell, as statements can use it.

It is kept as ranges of numbers by block, and joined as constants where it is not too much: the
database lets several processes read a table, but not one of the connection's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

MOST_LISTED = 100_000
"""Records (or ranges of them) that a statement names one by one, instead of by a table."""

BLOCK_BITS = 10


def block_of(record: str) -> str:
    """SQL: the block in which a record's number is kept."""
    return f"{record} >> {BLOCK_BITS}"


def join_traits(
    connection: psycopg.Connection,
    table: str,
    record: str,
    alias: str,
    columns: Mapping[str, str],
    *,
    most: int,
) -> str:
    """SQL that joins to every record `alias.NAME` (`columns`: name -> column of ranges of `table`),
    true or false: as constants if the ranges are no more than `most`. The table has a line for each
    block at most."""
    counted = " + ".join(
        f"coalesce(sum((SELECT count(*) FROM unnest({held}))), 0)" for held in columns.values()
    )
    aggregated = ", ".join(
        f"coalesce(range_agg({held}), '{{}}')::text" for held in columns.values()
    )
    connection.execute(f"ANALYZE {table}")
    row = connection.execute(f"SELECT {counted} FROM {table}").fetchone()
    if row is None or row[0] > most:
        told = ", ".join(
            f"coalesce({alias}_.{held} @> {record}, false) AS {name}"
            for name, held in columns.items()
        )
        return (
            f" LEFT JOIN {table} {alias}_ ON {alias}_.block = {block_of(record)}"
            f" CROSS JOIN LATERAL (SELECT {told}) {alias}"
        )
    listed = connection.execute(f"SELECT {aggregated} FROM {table}").fetchone() or ()
    told = ", ".join(
        f"{'false' if ranges == '{}' else _is_in(ranges, record)} AS {name}"
        for name, ranges in zip(columns, listed, strict=True)
    )
    return f" CROSS JOIN LATERAL (SELECT {told}) {alias}"


def _is_in(ranges: str, record: str) -> str:
    return f"'{ranges}'::int8multirange @> {record}"

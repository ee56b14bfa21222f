"""What every table shares: names for constraints, typed columns, UTC times."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, registry

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Text is text (never a padded or cut varchar), keys are 64 bit, times are aware (UTC)."""

    # On the registry, not as an attribute: Flask-SQLAlchemy subclasses this class once more
    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            str: Text(),
            int: BigInteger(),
            datetime: DateTime(timezone=True),
        },
    )

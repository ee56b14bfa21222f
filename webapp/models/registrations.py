"""New registrations, and whom each may be the same as."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base

NOT_A_MATCH = "not_a_match"


class PotentialMatch(Base):
    """A registration and a record it may be the same person as, until somebody has decided.

    A pair is here once, whichever of the two is the registration, and a decision stays: the pair
    never comes back (DOMAIN: Resolving New Registrations). While nobody has decided and both
    records are active the registration is in no download: the view `unresolved_duplicates`.
    """

    __tablename__ = "potential_matches"

    id: Mapped[int] = mapped_column(primary_key=True)
    # No foreign keys to constituents: a million deleted by an undo would be a million looks here
    # (docs/decisions/020-set-integrity.md). A number is never given twice, so a pair whose record
    # is gone is only history.
    registration_id: Mapped[int]
    candidate_id: Mapped[int]
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    found_by: Mapped[str | None]
    decision: Mapped[str | None]  # None: nobody has decided yet
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("registration_id <> candidate_id", name="two_records"),
        CheckConstraint("decision IN ('not_a_match')", name="decision"),
        CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="decided_at"),
        Index(
            "uq_potential_matches_pair",
            text("least(registration_id, candidate_id)"),
            text("greatest(registration_id, candidate_id)"),
            unique=True,
        ),
        Index(
            "ix_potential_matches_waiting",
            "registration_id",
            "id",
            postgresql_where=text("decision IS NULL"),
        ),
        Index(None, "registration_id"),
        Index(None, "candidate_id"),
    )

"""All tables. Import them from here."""

from webapp.models.base import Base
from webapp.models.centers import Center, CenterMember
from webapp.models.changes import Change
from webapp.models.constituents import Constituent, ConstituentEmail, CustomField
from webapp.models.crossrefs import (
    CrossReferenceEntry,
    CrossReferenceSeen,
    CrossReferenceSnapshot,
    CrossReferenceType,
    CrossReferenceUse,
)
from webapp.models.downloads import (
    DownloadDelivery,
    DownloadFile,
    DownloadStream,
    DownloadWindow,
    WithheldRecord,
)
from webapp.models.groups import Group, GroupMember, Interest, InterestChoice
from webapp.models.registrations import PotentialMatch
from webapp.models.runs import Message, Operation, Run, RunEdit, RunRow, Upload
from webapp.models.transactions import (
    Campaign,
    Designation,
    DonationForm,
    Event,
    Transaction,
    TransactionItem,
)
from webapp.models.users import User, UserRole

__all__ = [
    "Base",
    "Campaign",
    "Center",
    "CenterMember",
    "Change",
    "Constituent",
    "ConstituentEmail",
    "CrossReferenceEntry",
    "CrossReferenceSeen",
    "CrossReferenceSnapshot",
    "CrossReferenceType",
    "CrossReferenceUse",
    "CustomField",
    "Designation",
    "DonationForm",
    "DownloadDelivery",
    "DownloadFile",
    "DownloadStream",
    "DownloadWindow",
    "Event",
    "Group",
    "GroupMember",
    "Interest",
    "InterestChoice",
    "Message",
    "Operation",
    "PotentialMatch",
    "Run",
    "RunEdit",
    "RunRow",
    "Transaction",
    "TransactionItem",
    "Upload",
    "User",
    "UserRole",
    "WithheldRecord",
]

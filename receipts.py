"""What devices tell of their copies: that one was shown, and that somebody has read a version."""

from datetime import datetime
from uuid import UUID

from peewee import CharField, ForeignKeyField

import inbox
from database import DomainError, Sealed, Secret, UtcField
from inbox import Entry
from models import Actor, Audit, Device, Plan, PlanVersion

PAGES = ("plan", "emergency")


class Receipt(Sealed):
    """A person says to have read a version. Named on the device, which proves nothing more."""

    version = ForeignKeyField(PlanVersion, backref="receipts", on_delete="CASCADE")
    device = ForeignKeyField(Device, null=True, backref="+", on_delete="SET NULL")
    place = CharField()  # the device's name: it stays when the device is gone
    read = UtcField()
    name = Secret()

    @classmethod
    def of(cls, version_id: UUID) -> list["Receipt"]:
        """One for each name, the first time it was said."""
        rows = Sealed.open_all(cls.select().where(cls.version == version_id).order_by(cls.read))
        return list({row.name.casefold(): row for row in reversed(rows)}.values())[::-1]


@inbox.handles("opening")
def opening(device: Device, entry: Entry, now: datetime) -> None:
    """A sentence for the family. The copy of an erased plan has nobody left to be told."""
    page = entry.body.get("page")
    if page not in PAGES:
        raise DomainError("malformed")
    if child := inbox.child_of(device, entry.plan):
        Audit.note(
            Actor(device=device),
            f"copy.{page}",
            entry.plan,
            child=child.id,
            created=entry.when(now),
        )


@inbox.handles("read")
def read(device: Device, entry: Entry, now: datetime) -> None:
    no = entry.body.get("version")
    if type(no) is not int or not 0 < no < 1 << 31 or not entry.by:
        raise DomainError("malformed")
    child = inbox.child_of(device, entry.plan)
    rows = PlanVersion.select().join(Plan, on=(PlanVersion.plan == Plan.id))
    version = child and rows.where(Plan.id == entry.plan, PlanVersion.no == no).first()
    if version is None:
        return
    Receipt.create(
        id=entry.id,
        data_key=version.data_key_id,
        version=version,
        device=device,
        place=device.name,
        name=entry.by,
        read=entry.when(now),
        created=now,
    )

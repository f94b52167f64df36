"""What devices tell of their copies: that one was shown, and that somebody has read a version."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Self
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
    def of(cls, version_ids: Iterable[UUID | None]) -> dict[UUID, list[Self]]:
        """By version, one for each name: the first time it was said."""
        rows = Sealed.open_all(cls.select().where(cls.version.in_(list(version_ids))))
        found: dict[UUID, dict[str, Self]] = defaultdict(dict)
        for row in sorted(rows, key=lambda row: row.read):
            found[row.version_id].setdefault(row.name.casefold(), row)
        return {version_id: list(names.values()) for version_id, names in found.items()}


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
    said = str(entry.body.get("version"))  # a plain form knows no numbers
    if not entry.by or not (said.isascii() and said.isdigit() and len(said) < 10):
        raise DomainError("malformed")
    child = inbox.child_of(device, entry.plan)
    rows = PlanVersion.select().join(Plan, on=(PlanVersion.plan == Plan.id))
    version = child and rows.where(Plan.id == entry.plan, PlanVersion.no == int(said)).first()
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

"""Where the boxes of a kit stand, as photographed; which medicine of the plan lacks one."""

import calendar
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from peewee import ForeignKeyField

from database import DomainError, Sealed, Secret, db
from models import Blob, KitUnit, Person, Plan
from plan import Medicine


class PlacePhoto(Sealed):
    """The picture of one place of a kit, found by the words for it: a new box in the same place
    has it at once, and where the words change it is shown no more."""

    plan = ForeignKeyField(Plan, backref="place_photos", on_delete="CASCADE")
    blob = ForeignKeyField(Blob, on_delete="CASCADE")
    by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    place = Secret()

    @classmethod
    def of(cls, plan_id: UUID) -> dict[str, str]:
        """SHA-256 by the words for the place, the oldest first."""
        rows = cls.select(cls, Blob.id, Blob.sha256).join(Blob).where(cls.plan == plan_id)
        return {row.place: row.blob.sha256 for row in cls.open_all(rows.order_by(cls.created))}

    @classmethod
    def take(cls, unit: KitUnit, image: bytes, by: Person, now: datetime) -> None:
        """In place of the one before, of this place and of all that the kit no longer names."""
        if not unit.place:
            raise DomainError("kit-without-place")
        with db.atomic():
            cls.remove(unit)
            blob = Blob.keep(image, unit.data_key_id)
            key, place = unit.data_key_id, unit.place
            cls.create(plan=unit.plan_id, blob=blob, by=by, place=place, data_key=key, created=now)

    @classmethod
    def remove(cls, unit: KitUnit) -> None:
        """The bytes go as well: a stranger may have stood in the picture."""
        named = {one.place for one in KitUnit.of(unit.plan_id)} - {unit.place}
        rows = cls.open_all(cls.select().where(cls.plan == unit.plan_id))
        gone = [row.blob_id for row in rows if row.place not in named]
        with db.atomic():
            Blob.delete().where(Blob.id.in_(gone)).execute()
            Plan.touch(unit.plan.child_id)


# ── what is missing ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Gap:
    """A medicine for an emergency that the kit lacks: now, or after the last date on its boxes."""

    medicine: str
    after: date | None  # None: no box bears its name


def gaps(medicines: Sequence[Medicine], units: Sequence[KitUnit]) -> list[Gap]:
    """Only what was written says so: names and printed dates. No date tells nothing."""
    found = []
    for medicine, told, boxes in _by_name(medicines, units):
        dates = [last_day(unit.expires) for unit in boxes if unit.count != "0"]
        if told and not medicine.daily and None not in dates:
            found.append(Gap(medicine.name, max(dates, default=None)))
    return found


def shelf(medicines: Sequence[Medicine], units: Sequence[KitUnit]) -> list[list[KitUnit]]:
    """For each medicine the boxes whose label names it. The others stand in the kit's own list."""
    return [boxes for _medicine, _told, boxes in _by_name(medicines, units)]


def last_day(printed: str) -> date | None:
    """A box marked 2027-03 is good until the end of that month; what is no date is no date."""
    try:
        if len(printed) == len("2027-03"):
            first = date.fromisoformat(f"{printed}-01")
            return first.replace(day=calendar.monthrange(first.year, first.month)[1])
        return date.fromisoformat(printed)
    except ValueError:
        return None


def _by_name(
    medicines: Sequence[Medicine], units: Sequence[KitUnit]
) -> Iterable[tuple[Medicine, bool, list[KitUnit]]]:
    """A name is known by its first long word; one that another medicine has too tells nothing."""
    for medicine in medicines:
        others = {
            word for m in medicines if m.name != medicine.name for word in _long_words(m.name)
        }
        first = next(iter(_long_words(medicine.name)), None)
        told = first is not None and first not in others
        yield medicine, told, [u for u in units if told and first in _long_words(u.label)]


def _long_words(text: str) -> list[str]:
    return re.findall(r"\w{5,}", text.casefold())

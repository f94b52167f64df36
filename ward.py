"""The ward round: whom a nurse meets on the maternity wards, what she offered, when again.

For families without an account. Only nurses read it; nothing in it ranks or scores anybody.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Self

from peewee import CharField, DateField, ForeignKeyField, ModelSelect

from database import DataKey, Sealed, Secret, db, local
from models import Actor, Person


class WardVisit(Sealed):
    """One mother on the round. Sealed with a key of its own: without it the row is noise."""

    KEPT = timedelta(days=90)  # after the last day on which the nurse meets her

    nurse = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    day = DateField(index=True)
    follow_up = DateField(null=True, index=True)
    language = CharField(max_length=2)
    hospital = Secret()
    name = Secret()
    ward = Secret()  # and the bed
    offered = Secret(list, ())  # codes of what was offered
    note = Secret()

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())

    @classmethod
    def on(cls, day: date) -> list[Self]:
        """Who is met on that day, for the first time or again; along the wards."""
        rows = cls.open_all(cls.select().where((cls.day == day) | (cls.follow_up == day)))
        return sorted(rows, key=lambda one: (one.hospital, one.ward, one.name))

    @classmethod
    def hospitals(cls, most: int = 100) -> list[str]:
        """As they were written lately, so that one has one name."""
        rows = cls.open_all(cls.select().order_by(cls.created.desc()).limit(most))
        return sorted({one.hospital for one in rows})

    @classmethod
    def enter(cls, nurse: Person, facts: Mapping[str, Any], now: datetime) -> Self:
        """A form that was sent twice makes one."""
        with db.atomic():
            Person.update(language=Person.language).where(Person.id == nurse.id).execute()
            for one in cls.open_all(cls.select().where(cls.day == facts["day"])):
                if one.facts == facts:
                    return one
            return cls.create(nurse=nurse, data_key=DataKey.make(), created=now, **facts)

    @property
    def facts(self) -> dict[str, Any]:
        plain = {"day": self.day, "follow_up": self.follow_up, "language": self.language}
        sealed = ("hospital", "name", "ward", "offered", "note")
        return plain | {name: getattr(self, name) for name in sealed}

    def change(self, facts: Mapping[str, Any]) -> None:
        for name, value in facts.items():
            setattr(self, name, value)
        self.save()

    def erase(self) -> None:
        """With its key: copies of the row in backups stay noise."""
        DataKey.delete().where(DataKey.id == self.data_key_id).execute()

    @classmethod
    def forget_old(cls, now: datetime) -> int:
        end = local(now).date() - cls.KEPT
        over = (cls.follow_up <= end) | (cls.follow_up.is_null() & (cls.day <= end))
        keys = cls.select(cls.data_key).where(over)
        return DataKey.delete().where(DataKey.id.in_(keys)).execute()

"""Words beside a signed plan, which they never change: a doctor's reading, a guardian's notes."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from peewee import JOIN, CharField, DateField, ForeignKeyField

from database import DomainError, Sealed, Secret, UtcField, db
from models import Child, Guardian, Person, Plan, PlanState, PlanVersion, Rights, Token


class DoctorReading(Sealed):
    """A doctor was asked by link to read a version. What is confirmed is never a signature."""

    version = ForeignKeyField(PlanVersion, backref="readings", on_delete="CASCADE")
    by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    confirmed = UtcField(null=True)
    sent_to = Secret()  # as the guardian gave it
    name = Secret()  # as who read it gave it
    remark = Secret()

    PURPOSE: ClassVar[str] = "reading"

    @classmethod
    def ask(cls, version: PlanVersion, sent_to: str, by: Person, now: datetime) -> str:
        """The secret of a link that works once; the one made before works no more."""
        asked = cls.select(cls.id).join(PlanVersion).where(PlanVersion.plan == version.plan_id)
        with db.atomic():
            Token.delete().where(Token.purpose == cls.PURPOSE, Token.about.in_(asked)).execute()
            key = version.data_key_id
            row = cls.create(version=version, by=by, sent_to=sent_to, data_key=key, created=now)
            return Token.make(cls.PURPOSE, row.id, now)

    @classmethod
    def by_link(cls, secret: str, now: datetime) -> Self | None:
        """Through it nobody reads more than who made it: when those rights end, it ends."""
        token = Token.find(secret, cls.PURPOSE, now)
        row = token and cls.get_or_none(cls.id == token.about, cls.confirmed.is_null())
        if row is None:
            return None
        child = row.version.plan.child_id
        mine = Guardian.child == child, Guardian.person == row.by_id, Guardian.rights == Rights.ALL
        stopped = row.version.plan.current_id and row.version.plan.current.state
        ends = stopped == PlanState.STOPPED or not Guardian.running().where(*mine).exists()
        return None if ends else row

    def confirm(self, secret: str, name: str, remark: str, now: datetime) -> None:
        with db.atomic():
            token = Token.find(secret, self.PURPOSE, now)
            if token is None or not token.spend():
                raise DomainError("link-used")
            self.confirmed, self.name, self.remark = now, name, remark
            self.save()
            Plan.touch(self.version.plan.child_id)

    @classmethod
    def of(cls, version_id: UUID) -> list[Self]:
        rows = cls.select().where(cls.version == version_id, cls.confirmed.is_null(False))
        return cls.open_all(rows.order_by(cls.confirmed))


class NoteKind(StrEnum):
    DAY = "day"
    DIET = "diet"


class Note(Sealed):
    """A guardian's words beside the signed plan: for one day, or on food until taken back."""

    child = ForeignKeyField(Child, backref="notes", on_delete="CASCADE")
    kind = CharField()
    day = DateField(null=True)  # of a note of the day: it is shown until that evening
    by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    words = Secret()

    class Meta:
        indexes = ((("child", "kind"), True),)

    @classmethod
    def of(cls, child_id: UUID, today: date) -> dict[str, Self]:
        """By kind; a day that has passed is left out."""
        current = cls.day.is_null() | (cls.day >= today)
        rows = cls.select(cls, Person).join(Person, JOIN.LEFT_OUTER)
        notes = cls.open_all(rows.where(cls.child == child_id, current).order_by(cls.kind))
        return {note.kind: note for note in notes}

    @classmethod
    def leave(cls, child: Child, kind: str, words: str, day: date | None, by: Person) -> None:
        """In the place of the one before; no words: none."""
        with db.atomic():
            cls.delete().where(cls.child == child, cls.kind == kind).execute()
            if words:
                cls.create(
                    child=child,
                    kind=kind,
                    day=day,
                    by=by,
                    words=words,
                    data_key=child.data_key_id,
                )
            Plan.touch(child.id)

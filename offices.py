"""The tables of the two offices: services, requests, sessions, notices. The rest is models.py."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from peewee import (
    BooleanField,
    CharField,
    DateField,
    Expression,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
    UUIDField,
    fn,
)

from database import BaseModel, DataKey, JsonField, Sealed, Secret, UtcField, db, local
from models import Actor, Person


class Centre(BaseModel):
    """A place of the service: its opening rules are data, with the day they were last checked."""

    slug = CharField(unique=True)
    rank = IntegerField(default=0)
    name = CharField()
    address = CharField(default="")
    rules = JsonField(default=list)  # services.Rule as JSON
    is_demo = BooleanField(default=False)
    checked_on = DateField()
    edited = UtcField(null=True)
    edited_by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        """As for Service."""
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())


class Service(BaseModel):
    """A service or address as readers find it: dated, edited at the desk, in five languages."""

    slug = CharField(unique=True)
    office = CharField()  # emergency, spse, one, other
    rank = IntegerField(default=0)
    texts = JsonField()  # language -> name, what, how
    phone = CharField(default="")
    fax = CharField(default="")
    mail = CharField(default="")
    address = CharField(default="")
    url = CharField(default="")
    checked_on = DateField()
    edited = UtcField(null=True)
    edited_by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        """Who may change it; readers get what `services` reads for everybody."""
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())

    def text(self, name: str, language: str) -> str:
        """In the reader's language, else as the desk wrote it first."""
        return self.texts.get(language, {}).get(name) or self.texts["en"].get(name, "")


class RequestKind(StrEnum):
    TELE = "tele-consultation"
    CNJE = "cnje"
    HOME = "home-visit"
    WARD = "ward-visit"


class RequestStatus(StrEnum):
    ASKED = "asked"
    PROPOSED = "proposed"  # one to three times are held; the family picks
    CONFIRMED = "confirmed"
    DONE = "done"
    MISSED = "no-show"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class CareRequest(Sealed):
    """What a family asks of the service. Sealed for its person, or with a key of its own."""

    kind = CharField()
    status = CharField(default=RequestStatus.ASKED)
    person = ForeignKeyField(Person, null=True, backref="care_requests", on_delete="CASCADE")
    entered_by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    nurse = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    centre = ForeignKeyField(Centre, null=True, on_delete="SET NULL")
    language = CharField(max_length=2)  # in which the family wants the answer
    starts = UtcField(null=True)
    answered = UtcField(null=True)
    changes = IntegerField(default=0)  # of the appointment: calendars keep the newest
    follows = ForeignKeyField("self", null=True, unique=True, backref="+", on_delete="SET NULL")
    opened = UtcField(null=True)  # when it was last opened at the desk, and by whom
    opened_by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")
    name = Secret()  # who asks
    phone = Secret()
    mail = Secret()
    topic = Secret()
    child = Secret()  # first name, as the family gave it
    born = Secret(date)
    expecting = Secret(bool, False)
    address = Secret()
    hospital = Secret()
    ward = Secret()
    until = Secret(date)  # how long the mother is there
    times = Secret(list, ())  # wished half-days, "2026-11-26 am"
    note = Secret()  # the nurse's words with the answer
    said = Secret(list, ())  # codes of sentences that go with them, in the family's language
    room = Secret()  # of a call by video, for this hour only; who has its name can enter it

    # The room is shown from so long before the hour until so long after it.
    OPENS, CLOSES = timedelta(minutes=10), timedelta(hours=1)

    class Meta:
        # The second one alone answers how many wait, of which kind and whose.
        indexes = (
            (("status", "created"), False),
            (("status", "kind", "created", "nurse"), False),
        )

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        """Who asked; nurses see all of them."""
        return cls.select() if actor.is_nurse else cls.select().where(cls.person == actor.scope_id)

    def has_room(self, now: datetime) -> bool:
        """Whether a call by video is still to come, or goes on."""
        is_confirmed = self.status == RequestStatus.CONFIRMED and self.starts is not None
        return is_confirmed and now <= self.starts + self.CLOSES and bool(self.room)

    def is_room_open(self, now: datetime) -> bool:
        return self.has_room(now) and now >= self.starts - self.OPENS

    @classmethod
    def next_of(cls, actor: Actor, now: datetime) -> Self | None:
        """The person's next confirmed hour."""
        ahead = cls.status == RequestStatus.CONFIRMED, cls.starts > now
        mine = cls.select().where(cls.person == actor.scope_id, *ahead)
        return mine.order_by(cls.starts).first()


class CareRequestEvent(Sealed):
    """One line of a request's timeline."""

    care_request = ForeignKeyField(CareRequest, backref="events", on_delete="CASCADE")
    what = CharField()
    by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    words = Secret()


class Slot(BaseModel):
    """Half an hour of a nurse that is held or given away. The index is what gives it only once."""

    nurse = ForeignKeyField(Person, on_delete="CASCADE")
    starts = UtcField()
    care_request = ForeignKeyField(CareRequest, backref="slots", on_delete="CASCADE")
    until = UtcField(null=True, index=True)  # of a hold; none: given
    is_travel = BooleanField(default=False)  # on the way to or from a home visit

    class Meta:
        indexes = ((("nurse", "starts"), True),)

    @classmethod
    def stands(cls, now: datetime) -> Expression:
        """Given, or held and not run out."""
        return cls.until.is_null() | (cls.until > now)


class SessionKind(StrEnum):
    INFO_SANTE = "info-sante"
    TRAINING = "training"


class InfoSession(BaseModel):
    """An Info-Santé session for families, or a PAI training for the staff of nurseries."""

    kind = CharField(default=SessionKind.INFO_SANTE)
    topic = CharField()
    texts = JsonField()  # language -> title, about; "en" or any other may be missing
    languages = CharField()  # spoken there: "fr,pt"
    centre = ForeignKeyField(Centre, null=True, on_delete="SET NULL")
    place = CharField(default="")  # where no centre fits, or the room in it
    link = CharField(default="")  # of a video session
    starts = UtcField(index=True)
    ends = UtcField()
    seats = IntegerField()
    least = IntegerField(default=0)  # fewer seats taken: the desk is asked whether to cancel
    taken = IntegerField(default=0)
    nurse = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    cancelled = UtcField(null=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        """Info-Santé is public; trainings are for who works in a nursery, and for nurses."""
        if actor.is_nurse or actor.places:
            return cls.select()
        return cls.select().where(cls.kind == SessionKind.INFO_SANTE)

    @property
    def free(self) -> int:
        return max(self.seats - self.taken, 0)

    @property
    def lacks(self) -> int:
        return max(self.least - self.taken, 0)

    def text(self, name: str, language: str) -> tuple[str, str]:
        """The text and the language it is in: the reader's, else the first that was written."""
        for code in (language, *self.languages.split(","), *self.texts):
            if said := self.texts.get(code, {}).get(name):
                return said, code
        return "", language


class SeatState(StrEnum):
    SEAT = "seat"
    OFFERED = "offered"  # a freed seat, kept until it is taken or the time is up
    WAITING = "waiting"
    LEFT = "left"


class Registration(Sealed):
    """A seat or a place on the waiting list, in the order of `joined`."""

    info_session = ForeignKeyField(InfoSession, backref="registrations", on_delete="CASCADE")
    person = ForeignKeyField(Person, null=True, backref="registrations", on_delete="CASCADE")
    adults = IntegerField(default=1)
    state = CharField()
    joined = UtcField()
    until = UtcField(null=True)  # of an offer
    attended = BooleanField(null=True)
    name = Secret()  # of a family without an account, entered at the desk
    phone = Secret()

    class Meta:
        indexes = ((("info_session", "person"), True),)

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select() if actor.is_nurse else cls.select().where(cls.person == actor.scope_id)

    def mark(self, attended: bool | None) -> None:
        """Who was there, as the desk saw it; none: not noted."""
        Registration.update(attended=attended).where(Registration.id == self.id).execute()


class Wish(Sealed):
    """A topic that a person would come for: once each, so that the desk can count them."""

    person = ForeignKeyField(Person, backref="+", on_delete="CASCADE")
    topic = CharField()
    words = Secret()  # only the desk reads them

    class Meta:
        indexes = ((("person", "topic"), True),)

    @classmethod
    def counts(cls) -> dict[str, int]:
        """How many people wish for each topic."""
        rows = cls.select(cls.topic, fn.COUNT(cls.id)).group_by(cls.topic)
        return dict(rows.tuples())

    @classmethod
    def of(cls, person_id: UUID) -> dict[str, str]:
        """The words by topic."""
        rows = cls.open_all(cls.select().where(cls.person == person_id))
        return {wish.topic: wish.words for wish in rows}

    @classmethod
    def keep(cls, person: Person, wished: Mapping[str, str], now: datetime) -> None:
        """In place of what this person wished before."""
        with db.atomic():
            Person.update(language=Person.language).where(Person.id == person.id).execute()
            cls.delete().where(cls.person == person).execute()
            for topic, words in wished.items():
                key = person.data_key_id
                cls.create(person=person, topic=topic, words=words, data_key=key, created=now)


class Notice(Sealed):
    """What a person is told: in the app, and by mail while `due`. The row is the outbox."""

    person = ForeignKeyField(Person, null=True, backref="notices", on_delete="CASCADE")
    code = CharField()
    subject = UUIDField()  # the request or session it tells of
    language = CharField(max_length=2)
    read = UtcField(null=True)
    due = UtcField(null=True, index=True)
    sent = UtcField(null=True)
    tries = IntegerField(default=0)
    to = Secret()  # the mail address, as it was when this was written
    # Hours, places and links only: never a child, a kind or a reason. `words`, of the nurse to a
    # group, are read in the app and never sent.
    facts = Secret(dict, {})

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select().where(cls.person == actor.scope_id)


class LetterDraft(Sealed):
    """The unsent answers of an application for help. One for a person, who alone reads it."""

    KEPT = timedelta(days=90)

    person = ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    edited = UtcField()
    answers = Secret(dict, {})

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select().where(cls.person == actor.scope_id)

    @classmethod
    def of(cls, actor: Actor) -> Self | None:
        return cls.visible_to(actor).first() if actor.person else None

    @classmethod
    def keep(cls, person: Person, answers: dict[str, Any], now: datetime) -> None:
        """In the place of the one before."""
        with db.atomic():
            cls.delete().where(cls.person == person).execute()
            key = person.data_key_id
            cls.create(data_key=key, person=person, edited=now, created=now, answers=answers)

    @classmethod
    def forget_old(cls, now: datetime) -> int:
        return cls.delete().where(cls.edited < now - cls.KEPT).execute()


class Feedback(Sealed):
    """What somebody says of a page. Nothing in it or beside it tells who."""

    page = CharField()  # an endpoint, or nothing
    found = CharField()
    rating = IntegerField()
    comment = Secret()

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())

    @classmethod
    def leave(cls, now: datetime, **said: Any) -> Self:
        """Row and key know the day only: a time would lead to who was here then."""
        day = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls.create(data_key=DataKey.make(created=day), created=day, **said)

    @classmethod
    def averages(cls) -> ModelSelect:
        """Per page how many, and the mean of their ratings."""
        count, mean = fn.COUNT(cls.id), fn.AVG(cls.rating)
        rows = cls.select(cls.page, count.alias("count"), mean.alias("mean"))
        return rows.group_by(cls.page).order_by(mean, cls.page)

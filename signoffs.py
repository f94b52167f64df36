"""Which translations of the catalogue a health professional has read and found right."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from peewee import CharField, DateField, ForeignKeyField

import phrases
import sealing
from database import BaseModel, db, local
from models import Actor, Audit, Person, Plan


class SignOff(BaseModel):
    """One translation, signed off by name and role. It counts for the words that were read: when
    the catalogue changes them, they are a draft again."""

    phrase = CharField()
    language = CharField()
    words = CharField()  # mark of the text that was read
    name = CharField()
    role = CharField()
    on = DateField()
    by = ForeignKeyField(Person, null=True, backref="+", on_delete="SET NULL")

    class Meta:
        indexes = ((("phrase", "language"), True),)

    @classmethod
    def standing(cls, language: str) -> Mapping[str, Self]:
        """Those that count today, by phrase."""
        known = phrases.catalogue()
        return {
            one.phrase: one
            for one in cls.select().where(cls.language == language)
            if one.phrase in known and one.words == mark(one.phrase, language)
        }


def mark(phrase: str, language: str) -> str:
    return sealing.digest(phrases.catalogue()[phrase].texts[language]).hex()[:16]


def sign_off(phrase: str, language: str, role: str, actor: Actor, now: datetime) -> None:
    """Plans show a checked translation without the draft's note: they are rendered anew."""
    facts = {"words": mark(phrase, language), "name": actor.person.name, "role": role}
    facts |= {"on": local(now).date(), "by": actor.person}
    with db.atomic():
        SignOff.delete().where(SignOff.phrase == phrase, SignOff.language == language).execute()
        SignOff.create(phrase=phrase, language=language, created=now, **facts)
        _note(actor, "phrase.sign-off")


def take_back(phrase: str, language: str, actor: Actor) -> None:
    with db.atomic():
        SignOff.delete().where(SignOff.phrase == phrase, SignOff.language == language).execute()
        _note(actor, "phrase.take-back")


def _note(actor: Actor, action: str) -> None:
    Plan.update(changes=Plan.changes + 1).execute()
    Audit.note(actor, action)

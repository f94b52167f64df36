"""The demo of the two offices: centres, sessions and who comes, requests at the desk."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import agenda
import booking
from database import local
from demo_papers import case, named
from models import Person
from offices import CareRequest, Centre, InfoSession, SessionKind


def make(now: datetime) -> None:
    """For the people of demo.py."""
    _sessions(now)
    _requests(now)


def _sessions(now: datetime) -> None:
    facts = case("sessions")
    for rank, centre in enumerate(facts["centre"], 100):
        Centre.create(rank=rank, is_demo=True, checked_on=local(now).date(), **centre)
    centres = {centre.slug: centre for centre in Centre.select()}
    monday = local(now).date() + timedelta(days=7 - local(now).weekday())
    for kind, row in session_rows():
        day = monday + timedelta(weeks=row["week"], days=row["day"])
        starts, ends = (booking.moment_of(day, time.fromisoformat(hour)) for hour in row["hours"])
        made = InfoSession.create(
            id=named(row["slug"]),
            kind=kind,
            topic=row["topic"],
            texts=facts["text"][row["topic"]],
            languages=row["languages"],
            centre=centres.get(row.get("centre", "")),
            place=row.get("place", ""),
            link=row.get("link", ""),
            starts=starts,
            ends=ends,
            seats=row["seats"],
            nurse=named("noor"),
        )
        for n, (who, adults) in enumerate(row.get("joined", ())):
            _join(made, who, adults, now - timedelta(days=3 - n / 24))


def session_rows() -> list[tuple[SessionKind, Mapping[str, Any]]]:
    facts = case("sessions")
    rows = [(SessionKind.INFO_SANTE, row) for row in facts["session"]]
    return rows + [(SessionKind.TRAINING, row) for row in facts["training"]]


def _join(info_session: InfoSession, who: str, adults: int, now: datetime) -> None:
    """One of the cast, or a family that phoned."""
    if person := Person.get_or_none(Person.id == named(who)):
        booking.join(info_session, adults, now, person=person)
    else:
        booking.join(info_session, adults, now, name=who, phone=f"621 555 6{adults}0")


def _requests(now: datetime) -> None:
    """What waits at the desk, and one appointment that was given already."""
    ahead, nurse = agenda.half_days(now), Person.get_by_id(named("noor"))
    for row in map(dict, case("requests")["open"]):
        who = row.pop("who", None)
        person = Person.get_by_id(named(who)) if who else None
        by = {"person": person} if person else {"entered_by": nurse}
        kind, language = row.pop("kind"), row.pop("language")
        when = now - timedelta(hours=row.pop("hours"))
        facts = {"times": [ahead[half] for half in row.pop("halves", ())], **row}
        if person:
            facts["name"] = person.name
        booking.ask(kind, facts, language, when, **by)
    last = CareRequest.select().where(CareRequest.person == named("aoife")).get()
    facts = {"name": last.name, "phone": last.phone, "child": last.child}
    made = booking.ask("cnje", facts, "en", now - timedelta(hours=90), person=last.person)
    offered, _suit = booking.offers(made, nurse, now)
    where = Centre.get(Centre.slug == "cms-luxembourg").id
    booking.confirm(made, nurse, offered[0].starts, "", now - timedelta(hours=70), centre_id=where)

"""One appointment as a calendar file: hours, place, phone and a link; never a child or a reason."""

from datetime import datetime

from flask import Response
from flask_babel import gettext as _
from icalendar import Calendar, Event

from database import local
from offices import Centre
from views.rendering import download


def appointment(
    uid: str,
    starts: datetime,
    ends: datetime,
    stamp: datetime,
    *,
    place: str = "",
    url: str = "",
    method: str = "PUBLISH",
    sequence: int = 0,
    organizer: str = "",
    attendee: str = "",
) -> bytes:
    """The title says nothing: it shows on locked screens. Hours are Luxembourg's, whose rules come
    with them. A higher `sequence` replaces what a calendar holds, the method CANCEL ends it."""
    event = Event()
    event.add("uid", f"{uid}@kannerplang")
    event.add("dtstamp", stamp)
    event.add("dtstart", local(starts))
    event.add("dtend", local(ends))
    event.add("sequence", sequence)
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("summary", _("Appointment (Kannerplang)"))
    people = {"organizer": organizer, "attendee": attendee}
    more = {"location": place, "url": url} | {k: v and f"mailto:{v}" for k, v in people.items()}
    for name, value in more.items():
        if value:
            event.add(name, value)
    calendar = Calendar()
    calendar.add("prodid", "-//Kannerplang//appointments//")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    first = local(starts).date().replace(month=1, day=1)
    calendar.add_missing_timezones(first, first.replace(year=first.year + 2))
    return calendar.to_ical()


def where(centre: Centre | None, room: str = "") -> str:
    lines = [centre and centre.name, room, centre and centre.address]
    return ", ".join(filter(None, lines))


def answer(calendar: bytes) -> Response:
    return download(calendar, "text/calendar", "appointment.ics")

"""One appointment as a calendar file: hours, place, phone and a link; never a child or a reason."""

from datetime import datetime

from flask import Response
from flask_babel import gettext as _
from icalendar import Calendar, Event

from offices import Centre
from views.rendering import download


def appointment(
    uid: str, starts: datetime, ends: datetime, stamp: datetime, *, place: str = "", url: str = ""
) -> bytes:
    """The title says nothing: it shows on locked screens. Hours are UTC, exact in every zone."""
    event = Event()
    event.add("uid", f"{uid}@kannerplang")
    event.add("dtstamp", stamp)
    event.add("dtstart", starts)
    event.add("dtend", ends)
    event.add("summary", _("Appointment (Kannerplang)"))
    if place:
        event.add("location", place)
    if url:
        event.add("url", url)
    calendar = Calendar()
    calendar.add("prodid", "-//Kannerplang//appointments//")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical()


def where(centre: Centre | None, room: str = "") -> str:
    lines = [centre and centre.name, room, centre and centre.address]
    return ", ".join(filter(None, lines))


def answer(calendar: bytes) -> Response:
    return download(calendar, "text/calendar", "appointment.ics")

"""The words of a notice, in the app and by mail. No child, kind of service or reason is in them."""

from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

import booking
import jobs
import services
from offices import Notice
from views import calendars
from views.rendering import LOCALES, absolute, moment

SAID = {
    "request-confirmed": _l("Your appointment is confirmed: %(when)s."),
    "request-declined": _l("Your request was answered. Read the answer here."),
    "request-cancelled": _l("A family needs no or another time: %(when)s."),
    "request-proposed": _l("We propose times for an appointment. Choose the one that suits you."),
    "request-accepted": _l("A family has chosen a time: %(when)s."),
    "request-moved": _l("Your appointment has another time now: %(when)s."),
    "request-waits": _l(
        "The proposed times are no longer held. Your request waits again, and is answered anew."
    ),
    "request-expired": _l(
        "Your request was not answered in 30 days, and has ended. Please call, or ask again."
    ),
    "request-soon": _l("Reminder: your appointment is on %(when)s."),
    "appointment-cancelled": _l("An appointment does not take place: %(when)s."),
    "seat-by-phone": _l("Somebody without an account has a seat now, on %(when)s. Call them."),
    "plan-stopped": _l("A plan was stopped. Open the app."),
    "turning-four-90": _l(
        "In 3 months a child of yours turns four. A crèche’s copies end on the last day of "
        "sharing: look at that day, and take the hand-over pack."
    ),
    "turning-four-30": _l(
        "In a month a child of yours turns four. A crèche’s copies end on the last day of "
        "sharing: look at that day, and take the hand-over pack."
    ),
    "sharing-changed": _l("The other guardian or a crèche has changed who holds a plan."),
    "incident-over": _l("The crèche %(place)s has written a report for you. Open the app."),
    "incident-nearby": _l("The crèche %(place)s may want a call from the service."),
    "device-new": _l("A crèche has added a device that holds a child’s plan."),
    "device-lost": _l(
        "A crèche has reported a device as lost. It may still hold a child’s plan: see which."
    ),
    "sharing-ends": _l("Sharing with a crèche ends soon. Look at the last day."),
}
# Where each kind of notice leads: endpoint, name of its argument.
PLACES = {
    "request-confirmed": ("requests.show", "care_request_id"),
    "request-declined": ("requests.show", "care_request_id"),
    "request-cancelled": ("desk.show", "care_request_id"),
    "request-proposed": ("requests.show", "care_request_id"),
    "request-accepted": ("desk.show", "care_request_id"),
    "request-moved": ("requests.show", "care_request_id"),
    "request-waits": ("requests.show", "care_request_id"),
    "request-expired": ("requests.show", "care_request_id"),
    "request-soon": ("requests.show", "care_request_id"),
    "appointment-cancelled": ("requests.show", "care_request_id"),
    "seat-by-phone": ("desk_sessions.show", "info_session_id"),
    "plan-stopped": ("plans.show", "plan_id"),
    "turning-four-90": ("hand_over.show", "child_id"),
    "turning-four-30": ("hand_over.show", "child_id"),
    "sharing-changed": ("children.access", "child_id"),
    "incident-over": ("incidents.show", "incident_id"),
    "incident-nearby": ("desk.index", "about"),
    "device-new": ("children.access", "child_id"),
    "device-lost": ("children.access", "child_id"),
    "sharing-ends": ("hand_over.show", "child_id"),
}
# What a calendar is told of, and what takes it out again.
WITH_CALENDAR = {"request-confirmed", "request-moved"}
CANCELS = {"appointment-cancelled"}
# The same words for both kinds of session, and where each kind is shown.
SEATS = {
    "seat": _l("A seat has become free: you have a seat on %(when)s."),
    "offer": _l("A seat has become free on %(when)s. It is kept for you: take it in time."),
    "over": _l("The seat that was kept for you on %(when)s went to the next family."),
    "soon": _l("Reminder: you have a seat on %(when)s."),
    "message": _l("There is a message about the session on %(when)s."),
    "moved": _l("A session has changed. It is on %(when)s; where, you read on its page."),
    "left": _l("You are no longer on the list of the session on %(when)s."),
    "cancelled": _l("A session does not take place: %(when)s."),
}
for door, endpoint in {"session": "info_sante.show", "training": "info_sante.training"}.items():
    SAID |= {f"{door}-{what}": words for what, words in SEATS.items()}
    PLACES |= {f"{door}-{what}": (endpoint, "info_session_id") for what in SEATS}
    WITH_CALENDAR |= {f"{door}-seat", f"{door}-moved"}
    CANCELS |= {f"{door}-left", f"{door}-cancelled"}
# Links of a mail that work without signing in: name among the facts, endpoint, words before it.
LINKS = {
    "offer": ("links.offer", _l("Take the seat, until %(until)s:")),
    "leave": ("links.departure", _l("You cannot come? Give the seat up:")),
}


def send_due(now: datetime, most: int) -> int:
    """How many mails went out; none where no mail server is set."""
    config = current_app.config
    if not config["SMTP_HOST"]:
        return 0
    account = config["SMTP_USER"], config["SMTP_PASSWORD"]
    send = jobs.by_smtp(config["SMTP_HOST"], config["SMTP_PORT"], *account, tls=config["SMTP_TLS"])
    return jobs.deliver_due(compose, send, now, most)


def starts_of(notice: Notice) -> datetime | None:
    starts = (notice.facts or {}).get("starts")  # none reads as nothing
    return datetime.fromisoformat(starts) if starts else None


def said(notice: Notice) -> str:
    """In the language of the moment: the reader's on a page, the recipient's in a mail."""
    starts = starts_of(notice)
    place = (notice.facts or {}).get("place", "")
    return str(SAID[notice.code]) % {"when": moment(starts) if starts else "", "place": place}


def path_of(notice: Notice) -> str:
    endpoint, argument = PLACES[notice.code]
    return _address(endpoint, **{argument: notice.subject})


def _address(endpoint: str, **values: Any) -> str:
    return current_app.url_map.bind("").build(endpoint, values)


def compose(notice: Notice) -> EmailMessage:
    """In the recipient's language, wherever it is called from."""
    with force_locale(LOCALES[notice.language]):
        return _compose(notice)


def _compose(notice: Notice) -> EmailMessage:
    service = services.by_slug("spse")["spse"]
    message = EmailMessage()
    message["From"] = current_app.config["MAIL_FROM"]
    message["To"] = notice.to
    message["Subject"] = _("Kannerplang: a message for you")
    message["Date"] = formatdate(notice.created.timestamp())
    message["Message-ID"] = f"<{notice.id}@kannerplang>"  # a second copy can be recognised
    message["Auto-Submitted"] = "auto-generated"
    # A family without an account has no page to open.
    link = absolute(path_of(notice)) if notice.person_id else ""
    lines = (
        said(notice),
        ", ".join(filter(None, (notice.facts or {}).get("where", ()))),
        *_choices(notice),
        _("The service’s phone number: %(phone)s", phone=service.phone),
        link,
    )
    message.set_content("\n\n".join(filter(None, lines)) + "\n")
    starts = starts_of(notice)
    if starts and notice.code in WITH_CALENDAR | CANCELS:
        method = "CANCEL" if notice.code in CANCELS else "REQUEST"
        file = _appointment(notice, starts, link, method)
        kind = {"maintype": "text", "subtype": "calendar", "params": {"method": method}}
        message.add_attachment(file, **kind, filename="appointment.ics")
    return message


def _choices(notice: Notice) -> Iterator[str]:
    """What can be done from the mail itself: opening a link decides nothing."""
    origin = current_app.config["ORIGINS"][0]
    for time in (notice.facts or {}).get("times", ()):
        address = origin + _address("links.time", token=time["link"])
        yield f"{moment(datetime.fromisoformat(time['starts']))}:\n{address}"
    until = (notice.facts or {}).get("until")
    told = {"until": moment(datetime.fromisoformat(until)) if until else ""}
    for name, (endpoint, words) in LINKS.items():
        if secret := (notice.facts or {}).get(name):
            yield f"{str(words) % told}\n{origin}{_address(endpoint, token=secret)}"


def _appointment(notice: Notice, starts: datetime, link: str, method: str) -> bytes:
    """Of a session until its end; a request is answered with half an hour."""
    told = (notice.facts or {}).get("ends")
    ends = datetime.fromisoformat(told) if told else starts + booking.HALF_HOUR
    return calendars.appointment(
        str(notice.subject),
        starts,
        ends,
        notice.created,
        place=", ".join(filter(None, (notice.facts or {}).get("where", ()))),
        url=link,
        method=method,
        # Minutes count where nothing else does: a later message always has more of them.
        sequence=(notice.facts or {}).get("changes", int(notice.created.timestamp()) // 60),
        organizer=parseaddr(current_app.config["MAIL_FROM"])[1],
        attendee=notice.to,
    )

"""Mails as a real server on loopback receives them: in the family's language, and once."""

import smtplib
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from client import free_port
from flask import Flask
from flask_babel import force_locale
from icalendar import Calendar

import booking
import jobs
from app import do_due_work
from database import clock, shift_clock
from models import Person
from offices import CareRequest, Notice, RequestKind
from views import mails

TOPIC = "qwanarix à noite"
CHILD = "Wolfgangina"


class Mailbox:
    """Keeps what arrives; `refuses` says how the server answers instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            return self.refuses
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box = Mailbox()
    port = free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    for name, value in {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_TLS": False}.items():
        monkeypatch.setitem(app.config, name, value)
    yield box
    server.stop(no_assert=True)


@pytest.fixture
def asked(cast) -> CareRequest:
    facts = {
        "name": cast.ines.name,
        "child": CHILD,
        "topic": TOPIC,
        "phone": "621 555 103",
        "mail": "ines@example.lu",
        "times": [],
    }
    return booking.ask(RequestKind.TELE, facts, "pt", clock(), person=cast.ines)


def tomorrow() -> datetime:
    return (clock() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


def confirm(care_request: CareRequest, nurse: Person) -> datetime:
    starts = tomorrow()
    booking.confirm(care_request, nurse, starts, f"{CHILD}, {TOPIC}", clock())
    return starts


def test_the_confirmation_comes_in_portuguese_with_its_hour_and_tells_nothing_else(
    app, cast, asked, mailbox
):
    starts = confirm(asked, cast.noor)

    do_due_work(app)

    (mail,) = mailbox.mails
    text = mail.get_body(("plain",)).get_content()
    with app.app_context(), force_locale("pt_PT"):
        said = mails.said(Notice.get(Notice.subject == asked.id))
    assert mail["To"] == "ines@example.lu"
    assert said in text
    assert "25 novembro 2026, 10:00" in text.replace(" de ", " ")
    assert "48 83 33-1" in text
    assert f"/requests/{asked.id}" in text
    (file,) = mail.iter_attachments()
    (event,) = Calendar.from_ical(file.get_content()).walk("VEVENT")
    assert (event["dtstart"].dt, event["dtend"].dt) == (starts, starts + timedelta(minutes=30))
    assert str(event["uid"]).startswith(str(asked.id)), "as in the file of the request's page"
    whole = mail.as_bytes().decode() + text + str(event)
    for secret in (TOPIC, "qwanarix", CHILD, "Inês", "consult", RequestKind.TELE, "Noor"):
        assert secret.casefold() not in whole.casefold(), secret


def test_a_mail_is_in_the_language_of_its_recipient_not_of_who_sends_it(app, cast, mailbox):
    """German for a family without an account, though the nurse works in French."""
    facts = {"name": "Brandt", "phone": "621 555 209", "mail": "brandt@example.lu", "times": []}
    asked = booking.ask(RequestKind.HOME, facts, "de", clock(), entered_by=cast.noor)
    confirm(asked, cast.noor)

    with app.test_request_context(headers={"Accept-Language": "fr"}):
        do_due_work(app)

    (mail,) = mailbox.mails
    text = mail.get_body(("plain",)).get_content()
    assert "25. November 2026, 10:00" in text or "25 November 2026, 10:00" in text
    assert "/requests/" not in text, "there is no page for them to open"


def test_the_answer_of_the_desk_sends_the_mail_by_itself(app, as_user, cast, asked, mailbox):
    noor = as_user("noor")
    starts = booking.offers(asked, cast.noor, clock())[0][0].starts.isoformat()

    answer = noor.post(
        f"/desk/requests/{asked.id}/confirmation", {"starts": starts, "hour": "09:00"}
    )
    answer.close()

    assert [mail["To"] for mail in mailbox.mails] == ["ines@example.lu"]


def test_a_mail_is_sent_once_however_often_it_is_due(app, cast, asked, mailbox):
    confirm(asked, cast.noor)

    for _ in range(3):
        do_due_work(app)

    assert len(mailbox.mails) == 1
    notice = Notice.get(Notice.subject == asked.id)
    assert (notice.due, notice.tries) == (None, 0)
    assert notice.sent is not None


@pytest.mark.parametrize("refusal", ["451 try later", "550 no such mailbox"])
def test_a_server_that_refuses_loses_and_repeats_nothing(
    app, cast, asked, mailbox, refusal, caplog
):
    confirm(asked, cast.noor)
    mailbox.refuses = refusal

    do_due_work(app)
    do_due_work(app)  # too early: nothing is tried again at once

    notice = Notice.get(Notice.subject == asked.id)
    assert (notice.tries, notice.sent, mailbox.mails) == (1, None, [])
    assert notice.due > clock()
    mailbox.refuses = ""
    shift_clock(notice.due)
    do_due_work(app)
    do_due_work(app)
    assert len(mailbox.mails) == 1
    assert "ines@example.lu" not in caplog.text
    assert TOPIC not in caplog.text


@pytest.mark.parametrize("odd", ["zoé@example.lu", "a@[b.c", "(@a.b"])
def test_one_address_that_no_mail_can_carry_keeps_nobody_waiting(
    app, cast, mailbox, monkeypatch, odd
):
    monkeypatch.setattr(smtplib.SMTP, "has_extn", lambda self, name: False)  # no SMTPUTF8
    for minutes, to in ((2, odd), (1, "ines@example.lu")):
        then = clock() - timedelta(minutes=minutes)
        jobs.notify(cast.ines, "plan-stopped", cast.leo_plan.id, then, to=to)

    do_due_work(app)

    assert [mail["To"] for mail in mailbox.mails] == ["ines@example.lu"]
    assert Notice.get(Notice.due.is_null(False)).tries == 1


@pytest.mark.parametrize("odd", ["zoé@example.lu", "a@[b.c", "a:b@c.de", "=?utf-8?q?x=40y?=@a.lu"])
def test_an_address_that_no_mail_can_carry_is_not_taken(as_user, odd):
    answer = as_user("ines").post("/account", {"name": "Inês", "language": "pt", "mail": odd})

    assert answer.status_code == 422


def test_a_dead_server_makes_all_wait_and_loses_nothing(app, cast, asked, mailbox, monkeypatch):
    port = app.config["SMTP_PORT"]
    monkeypatch.setitem(app.config, "SMTP_PORT", 1)  # nobody listens there
    confirm(asked, cast.noor)
    other = jobs.notify(
        cast.zoe, "request-declined", asked.id, clock(), to="zoe@example.lu", language="pt"
    )

    do_due_work(app)

    waiting = Notice.select().where(Notice.due.is_null(False))
    assert {notice.id for notice in waiting} == {
        other.id,
        Notice.get(Notice.code == "request-confirmed", Notice.due.is_null(False)).id,
    }
    assert all(notice.due > clock() for notice in waiting)
    monkeypatch.setitem(app.config, "SMTP_PORT", port)
    shift_clock(clock() + timedelta(minutes=2))
    do_due_work(app)
    assert sorted(mail["To"] for mail in mailbox.mails) == ["ines@example.lu", "zoe@example.lu"]


def test_a_worker_that_died_while_sending_is_relieved_after_a_while(app, cast, asked, mailbox):
    confirm(asked, cast.noor)

    def die(_message: EmailMessage) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), app.app_context():
        jobs.deliver_due(lambda _notice: EmailMessage(), die, clock(), 5)
    do_due_work(app)
    assert mailbox.mails == [], "somebody may still be sending it"

    shift_clock(clock() + jobs.LEASE + timedelta(seconds=1))
    do_due_work(app)

    assert len(mailbox.mails) == 1


def test_a_mail_that_is_late_by_days_is_not_sent_any_more(app, cast, asked, mailbox):
    confirm(asked, cast.noor)

    shift_clock(clock() + jobs.STALE + timedelta(minutes=1))
    do_due_work(app)

    assert mailbox.mails == []
    assert Notice.get(Notice.subject == asked.id).due is None


def test_without_a_mail_server_answers_stay_in_the_app(app, cast, asked, as_user):
    confirm(asked, cast.noor)

    do_due_work(app)

    page = as_user("ines").page("/notices")
    assert page.select_one(f"main a[href='/requests/{asked.id}']")


def test_sending_refuses_an_unencrypted_server_unless_told(mailbox, app):
    send = jobs.by_smtp("127.0.0.1", app.config["SMTP_PORT"])
    message = EmailMessage()
    message["To"], message["From"] = "a@example.lu", "b@example.lu"

    with pytest.raises(smtplib.SMTPNotSupportedError):
        send(message)
    assert mailbox.mails == []

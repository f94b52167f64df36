"""What people are told: in the app at once, by mail soon after. The Notice row is the outbox."""

import logging
import smtplib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

from database import DataKey
from models import Person
from offices import Notice

LEASE = timedelta(minutes=5)  # a worker that died while sending: another one takes over
STALE = timedelta(days=2)  # a mail that comes later than this says what is no longer true
MAIL = "mail"  # as a person may switch it off
TIMEOUT = 5  # seconds: a slow server must not hold a thread of ours
# Faults of one mail; SMTPNotSupportedError: an address with letters that this server cannot carry.
OF_ONE_MAIL = (
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
)

log = logging.getLogger(__name__)
Compose = Callable[[Notice], EmailMessage]
Send = Callable[[EmailMessage], None]


def notify(
    person: Person | None,
    code: str,
    subject: UUID,
    now: datetime,
    *,
    to: str = "",
    language: str = "",
    data_key: DataKey | UUID | None = None,
    facts: dict[str, Any] | None = None,
    key: UUID | None = None,
) -> Notice:
    """Call it inside the transaction of the change: both are kept, or neither.

    `to`, `language` and `data_key` are the person's unless they are given, as for a family
    without an account. `facts` may hold hours and places, never a child, a kind or a reason;
    `until` in them is when a mail would come too late. A `key` is the notice's id: what is told
    once only has the same one each time.
    """
    to = to or (person.mail if person else "")
    if person and MAIL in person.muted:
        to = ""
    return Notice.create(
        id=key or uuid4(),
        person=person,
        code=code,
        subject=subject,
        created=now,
        language=language or person.language,
        data_key=data_key or person.data_key_id,
        due=now if to else None,
        to=to,
        facts=facts or {},
    )


def untold(keys: Iterable[UUID]) -> list[UUID]:
    """Of notices that are told once those that were not yet."""
    told = {key for (key,) in Notice.select(Notice.id).where(Notice.id.in_(list(keys))).tuples()}
    return [key for key in keys if key not in told]


def deliver_due(compose: Compose, send: Send, now: datetime, most: int) -> int:
    """Send what is due, `most` at once; how many went out. Two workers never send the same one."""
    waiting = Notice.select().where(Notice.due <= now).order_by(Notice.due).limit(most)
    count = 0
    for notice in Notice.open_all(waiting):
        mine = (Notice.id == notice.id) & (Notice.due == notice.due)
        if not Notice.update(due=now + LEASE).where(mine).execute():
            continue  # another worker was first
        if _is_late(notice, now):
            _note(notice, due=None)
            continue
        try:
            send(compose(notice))
        except OF_ONE_MAIL as refusal:
            _postpone(notice, refusal, now)
        except (OSError, smtplib.SMTPException) as fault:
            later = _postpone(notice, fault, now)
            Notice.update(due=later).where(Notice.due <= later).execute()  # all wait for the server
            break
        except Exception as fault:  # an address that no mail can carry must not stop the others
            _postpone(notice, fault, now)
        else:
            _note(notice, due=None, sent=now)
            count += 1
    return count


def _is_late(notice: Notice, now: datetime) -> bool:
    until = (notice.facts or {}).get("until")  # none reads as nothing
    return now - notice.created > STALE or bool(until and datetime.fromisoformat(until) <= now)


def _postpone(notice: Notice, fault: Exception, now: datetime) -> datetime:
    log.error("mail of notice %s: %s", notice.id, type(fault).__name__)
    later = now + timedelta(minutes=2**notice.tries)
    _note(notice, due=later, tries=notice.tries + 1)
    return later


def _note(notice: Notice, **state: Any) -> None:
    Notice.update(state).where(Notice.id == notice.id).execute()


def by_smtp(host: str, port: int, user: str = "", password: str = "", *, tls: bool = True) -> Send:
    """A function that hands one message to this server, encrypted unless told otherwise."""

    def send(message: EmailMessage) -> None:
        with smtplib.SMTP(host, port, timeout=TIMEOUT) as server:
            if tls:
                server.starttls()
            if user:
                server.login(user, password)
            server.send_message(message)

    return send

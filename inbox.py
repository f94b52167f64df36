"""What devices wrote without asking us first: taken in once each, whatever has happened since.

A device keeps an entry until a signed head names it. So an entry is acknowledged only when it is
stored, and refused only when nobody will ever be able to read it.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from peewee import CharField, ForeignKeyField, IntegrityError, InterfaceError, OperationalError

import sealing
from database import DomainError, Sealed, Secret, UtcField, db
from models import Child, Device, DeviceState, Grant, MayHold, Plan

MOST = 50  # entries taken in at once; the device sends the rest with its next sync
LARGEST = 4096  # bytes of an entry
SAID = {"id", "kind", "by", "plan", "incident", "drill", "body"}
FIELDS = SAID | {"n", "at", "checked", "since_check", "mono", "clock_ok"}
NUMBERS = 1 << 53  # what JavaScript counts exactly
CENTURY = 3_155_760_000_000  # milliseconds: a moment beyond it is no moment

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One thing that was done at a device, read strictly. What `body` means, its kind knows."""

    id: UUID
    kind: str
    n: int  # the order in which the device wrote
    at: int  # the device's own clock, ms
    checked: int | None = None  # our time (s) of the check before it, as the device knows it
    since_check: int | None = None  # ms from then to the entry
    mono: float | None = None  # the page's own stopwatch, ms: for spans within one page
    clock_ok: bool = False
    by: str = ""  # who acted, as named on the device; never a proof
    plan: UUID | None = None
    incident: UUID | None = None
    drill: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, said: Any) -> Self:
        """DomainError("malformed") for whatever is not exactly an entry."""
        try:
            if not said.keys() <= FIELDS:
                raise ValueError
            return cls(
                id=UUID(_text(said["id"], 36)),
                kind=_text(said["kind"], 20),
                n=_number(said["n"], NUMBERS),
                at=_number(said["at"], CENTURY),
                checked=_maybe(_number, said.get("checked"), CENTURY // 1000),
                since_check=_maybe(_number, said.get("since_check"), CENTURY),
                mono=_maybe(_stopwatch, said.get("mono"), CENTURY),
                clock_ok=said.get("clock_ok") is True,
                by=_text(said.get("by") or "", 80).strip(),
                plan=_maybe(_id, said.get("plan"), 36),
                incident=_maybe(_id, said.get("incident"), 36),
                drill=said.get("drill") is True,
                body=_mapping(said["body"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DomainError("malformed") from None

    def when(self, now: datetime) -> datetime:
        """Our time of it: the device's clock may be wrong, the span since a check hardly."""
        if self.clock_ok and self.checked is not None and self.since_check is not None:
            seconds = self.checked + self.since_check / 1000
        else:
            seconds = self.at / 1000
        return min(datetime.fromtimestamp(seconds, UTC), now)


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError
    return value


def _id(value: Any, most: int) -> UUID:
    return UUID(_text(value, most))


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value < most:
        raise ValueError
    return value


def _stopwatch(value: Any, most: int) -> float:
    if type(value) not in (int, float) or not 0 <= value < most:
        raise ValueError
    return float(value)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _maybe(read: Callable, value: Any, most: int) -> Any:
    return None if value is None else read(value, most)


class Inbox(Sealed):
    """An entry as it came: its id is the device's, so that coming twice it is one."""

    device = ForeignKeyField(Device, backref="+", on_delete="CASCADE")
    kind = CharField()
    mark = CharField(max_length=64)  # SHA-256 of what was said, without clocks and counters
    late = CharField(default="")  # the device's state, if it was removed or reported lost
    done = UtcField(null=True, index=True)  # when its handler was through with it
    entry = Secret(dict)


# ── kinds ────────────────────────────────────────────────────────────────────────────────────────

Handler = Callable[[Device, Entry, datetime], None]
HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """The room that knows what a kind means says so here; this one knows none of them.

    A handler refuses a body it cannot read with DomainError("malformed"), and nothing else.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


def child_of(device: Device, plan: UUID | None) -> Child | None:
    """Whose plan this is, if the device was ever given it: it writes about no other child."""
    if plan is None:
        return None
    held = MayHold.select().where(MayHold.device == device, MayHold.plan == plan)
    shared = Grant.select(Grant.child).where(
        Grant.nursery == device.nursery_id, Grant.accepted.is_null(False)
    )
    children = Child.select().join(Plan, on=(Plan.child == Child.id)).where(Plan.id == plan)
    if not held.exists():
        children = children.where(Child.id.in_(shared))
    return children.first()


# ── taking in ────────────────────────────────────────────────────────────────────────────────────


def receive(
    device: Device, said: Iterable[Any], now: datetime
) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids that are stored here now, and ids that never will be, each with the reason."""
    ack: list[str] = []
    refused: list[tuple[str, str]] = []
    if device.state == DeviceState.WAITING:  # nobody has said yet that it is one of ours
        return ack, refused
    for one in sorted(list(said)[:MOST], key=_order):
        try:
            with db.atomic():
                _take(device, one, now)
            ack.append(one["id"])
        except DomainError as reason:
            refused.append((one["id"], reason.code))
    return ack, refused


def resume(now: datetime, most: int = 50) -> int:
    """What is stored and was not understood to the end: once more."""
    rows = Inbox.select(Inbox, Device).join(Device).where(Inbox.done.is_null())
    done = 0
    for row in Sealed.open_all(rows.order_by(Inbox.created).limit(most)):
        try:
            done += _handled(row.device, row, Entry.read(row.entry), now)
        except DomainError:  # stored, never to be understood
            Inbox.update(done=now).where(Inbox.id == row.id).execute()
    return done


def _order(said: Any) -> int:
    n = said.get("n")
    return n if type(n) is int else 0


def _take(device: Device, said: dict[str, Any], now: datetime) -> None:
    if len(_bytes(said)) > LARGEST:
        raise DomainError("too-large")
    entry = Entry.read(said)
    if entry.kind not in HANDLERS:
        raise DomainError("unknown-kind")
    mark = sealing.digest(_bytes({name: said.get(name) for name in SAID})).hex()
    if _known(device, entry, mark):
        return
    child = child_of(device, entry.plan)
    row = Inbox(
        id=entry.id,
        device=device,
        data_key=(child or device.nursery or device.person).data_key_id,
        kind=entry.kind,
        mark=mark,
        late="" if device.is_active else device.state,
        entry=said,
        created=now,
    )
    try:
        with db.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # the same came twice at once
        if not _known(device, entry, mark):
            raise
        return
    _handled(device, row, entry, now)


def _bytes(said: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode()
    except ValueError:  # half a character
        raise DomainError("malformed") from None


def _known(device: Device, entry: Entry, mark: str) -> bool:
    before = Inbox.select(Inbox.device, Inbox.mark).where(Inbox.id == entry.id).tuples().first()
    if before is not None and before != (device.id, mark):
        raise DomainError("conflict")
    return before is not None


def _handled(device: Device, row: Inbox, entry: Entry, now: datetime) -> bool:
    """A fault of ours must not lose what a person did: it is stored, and tried again later."""
    try:
        with db.atomic():
            HANDLERS[entry.kind](device, entry, now)
            Inbox.update(done=now).where(Inbox.id == row.id).execute()
    except (DomainError, OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.error("entry not handled: %s %s: %s", entry.kind, row.id, type(error).__name__)
        return False
    return True

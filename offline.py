"""Rendered pages, enrolment, the roll and the answer to a device's sync.

The rule that holds it up: a device erases because an end is on record, never because something
is missing. So whatever goes wrong here ends in an answer that names less, not in one that erases.
"""

import gzip
import html
import json
import logging
import secrets
from base64 import b64encode
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from peewee import JOIN, SQL, IntegrityError, ModelSelect

import inbox
import jobs
import sealing
from database import BaseModel, DataKey, DomainError, Sealed, db, local
from models import (
    GRACE,
    Actor,
    Audit,
    Blob,
    Device,
    DeviceChild,
    DeviceKind,
    DeviceState,
    Grant,
    Guardian,
    Limit,
    MayHold,
    Nursery,
    Person,
    Plan,
    RenderedPage,
    Room,
    ScanPage,
    SentRoll,
)
from phrases import LANGUAGES
from shelf import PlacePhoto

Owner = Plan | Nursery | Device  # of rendered pages: a plan, a board, a device's own list
PROTOCOL = 1  # `v` of request, head, roll and pack
PAGES = ("plan", "emergency")
BOARDS = ("board", "another")  # of a nursery: its board, and a child without a plan
PACK = "pack"

CODE = timedelta(minutes=10)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
WRONG_CODES = 5  # tries an address may make while a code lives
MOST_DEVICES = 10  # in one nursery
COOKIE = timedelta(hours=24)  # how long a signed contact lets the device read online

DAY = 86400
# When a copy turns amber and red, warns, and is due by age; how long it outlives its grant.
TABLET = {
    "amber": DAY,
    "red": 7 * DAY,
    "warn": 45 * DAY,
    "cap": 60 * DAY,
    "ended": int(GRACE.total_seconds()),
    "ends": None,  # of a pass: its fixed end, by the server's clock
}
LEASE = dict.fromkeys(DeviceKind, TABLET)
LEASE[DeviceKind.PHONE] = TABLET | {"warn": 10 * DAY, "cap": 14 * DAY}
LONGEST_PASS = timedelta(hours=12)
ANSWER = 8 << 20  # bytes of entries at most; the device asks for the rest
WANTS = 200
HEALTH = ("installed", "persisted", "full", "missing", "scans", "waiting", "refused")
NUMBERS = 1 << 53  # what JavaScript counts exactly

log = logging.getLogger(__name__)


# ── rendered pages ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Release:
    """What the running code puts on devices: its pages, what they load, the worker's sentences."""

    build: str
    worker: int  # number of the messages between held pages and the worker
    render: Callable[[str, str, Owner], str]  # kind, language, owner; pure
    assets: Mapping[str, str]  # address -> SHA-256
    words: Mapping[str, Mapping[str, str]]  # language -> sentences with {places} to fill


def render_due(release: Release, now: datetime, most: int = 50) -> int:
    """Render the plans and boards that changed, or that an older release rendered."""
    shown = Plan.current.is_null(False)
    listed = Device.kind.in_(Device.LISTED), Device.state == DeviceState.ACTIVE
    owners = [
        *_due(Plan, release).where(shown).limit(most),
        *_due(Nursery, release).limit(most),
        *_due(Device, release).where(*listed).limit(most),
    ]
    return sum(_render_safely(owner, release, now) for owner in owners)


def render(owner: Owner, release: Release, now: datetime) -> None:
    """Render one owner's pages, unless somebody has stored newer ones meanwhile."""
    number = owner.changes  # read before the content: a change from here on leaves it due
    is_plan = isinstance(owner, Plan)
    key_id = owner.child.data_key_id if is_plan else owner.data_key_id
    version = owner.current.no if is_plan else 0
    at_home = isinstance(owner, Device) and owner.kind == DeviceKind.FAMILY
    kinds = PAGES if is_plan else BOARDS[:1] if at_home else BOARDS
    pages = {
        (kind, language): _packed(release.render(kind, language, owner))
        for kind in kinds
        for language in LANGUAGES
    }
    pack = _pack(owner, version, pages, release)
    names = _json({"pages": [*pack["pages"].values()], "files": pack["files"]})
    pages[PACK, ""] = _packed(_json(pack))
    DataKey.open_all([key_id])
    more = {"data_key": key_id, "build": release.build, "version": version, "created": now}
    rows = [
        _row(owner.id, kind, language, value, **more, names=names if kind == PACK else "")
        for (kind, language), value in pages.items()
    ]
    table = type(owner)
    with db.atomic():
        mine = table.update(rendered=number).where(table.id == owner.id, table.rendered <= number)
        if mine.execute():
            RenderedPage.insert_many(rows).on_conflict(
                conflict_target=[RenderedPage.owner, RenderedPage.kind, RenderedPage.language],
                preserve=[RenderedPage.build, RenderedPage.version, RenderedPage.names]
                + [RenderedPage.sha256, RenderedPage.sealed, RenderedPage.created],
            ).execute()


def page(owner_id: UUID, kind: str, language: str, build: str) -> str | None:
    """The HTML of this build as every reader gets it, its stamp still empty."""
    row = RenderedPage.get_or_none(
        RenderedPage.owner == owner_id,
        RenderedPage.kind == kind,
        RenderedPage.language == language,
        RenderedPage.build == build,
    )
    return row and gzip.decompress(row.read()).decode()


def files(plan: Plan) -> dict[str, str]:
    """The pictures that a plan's pages may load, named as in its pack, by SHA-256."""
    named = {}
    if plan.child.photo:
        named["photo"] = plan.child.photo.sha256
    pages = (
        Blob.select(Blob.sha256)
        .join(ScanPage)
        .where(ScanPage.scan == plan.current.scan_id)
        .order_by(ScanPage.rank)
    )
    places = enumerate(PlacePhoto.of(plan.id).values(), start=1)
    named |= {f"kit-{no}": sha for no, sha in places}
    return named | {f"scan-{no}": blob.sha256 for no, blob in enumerate(pages, start=1)}


def stamp(checked: datetime, now: datetime, words: Mapping[str, str]) -> tuple[str, str]:
    """Tone and sentence for the age of a copy; device.js says the same offline."""
    age = (now - checked).total_seconds()
    if age > TABLET["amber"]:
        days = int(age // DAY)
        tone = "t-amber" if age <= TABLET["red"] else "t-red"
        return tone, words["day" if days == 1 else "days"].format(n=days)
    same_day = local(checked).date() == local(now).date()
    return "t-green", words["today" if same_day else "yesterday"].format(
        time=f"{local(checked):%H:%M}"
    )


def stamped(page: str, tone: str, sentence: str, today: str = "") -> str:
    """The page with its status line filled in: the same two marks that the worker replaces."""
    page = page.replace('class="stamp t-grey"', f'class="stamp {tone}" data-today="{today}"', 1)
    return page.replace("<!--stamp-->", html.escape(sentence), 1)


def _due(table: type[BaseModel], release: Release) -> ModelSelect:
    done = RenderedPage.select(RenderedPage.owner).where(
        RenderedPage.kind == PACK, RenderedPage.build == release.build
    )
    return table.select().where((table.changes != table.rendered) | table.id.not_in(done))


def _render_safely(owner: Owner, release: Release, now: datetime) -> bool:
    """One plan that cannot be rendered must not keep the others from their devices."""
    try:
        render(owner, release, now)
    except Exception as error:
        log.error("not rendered: %s %s: %s", type(owner).__name__, owner.id, type(error).__name__)
        return False
    return True


def _pack(owner: Owner, version: int, pages: Mapping, release: Release) -> dict:
    pack: dict[str, Any] = {
        "v": PROTOCOL,
        "worker": release.worker,
        "pages": {f"{kind}.{lang}": _hash(value) for (kind, lang), value in pages.items()},
        "assets": dict(release.assets),
    }
    if not isinstance(owner, Plan):
        return pack | {"list": str(owner.id), "files": {}, "words": release.words}
    return pack | {"plan": str(owner.id), "version": version, "files": files(owner)}


def _row(owner: UUID, kind: str, language: str, value: bytes, **more: Any) -> dict[str, Any]:
    about = RenderedPage(owner=owner, kind=kind, language=language).about
    return more | {
        "owner": owner,
        "kind": kind,
        "language": language,
        "sha256": _hash(value),
        "sealed": sealing.seal(value, more["data_key"], about),
    }


def _packed(text: str, level: int = 6) -> bytes:
    """mtime 0: the same text gives the same bytes, and so the same name."""
    return gzip.compress(text.encode(), level, mtime=0)


def _hash(value: bytes) -> str:
    return sealing.digest(value).hex()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# ── enrolment ────────────────────────────────────────────────────────────────────────────────────


def invite(
    nursery: Nursery,
    room: Room | None,
    name: str,
    can_call: bool,
    by: Person,
    now: datetime,
    approved_by: Person | None = None,
    children: Sequence[UUID] = (),
    **more: Any,
) -> tuple[Device, str]:
    """A device that may claim the code for ten minutes; `approved_by`: no manager has to wait.

    `more`: its kind and what goes with it. `children`, for a pass, are those of this nursery.
    """
    ends = more.get("ends")
    if (more.get("kind") == DeviceKind.PASS) != (ends is not None):
        raise DomainError("pass-needs-an-end")
    if ends and not (room or children):
        raise DomainError("pass-needs-children")
    if ends and not now < ends <= now + LONGEST_PASS:
        raise DomainError("pass-too-long")
    if more.get("kind") == DeviceKind.PHONE and not more.get("staff"):
        raise DomainError("phone-needs-a-person")
    facts = {"room": room, "can_call": can_call, "approved_by": approved_by} | more
    with db.atomic():
        device, code = _invited(Device.nursery == nursery, name, by, now, nursery=nursery, **facts)
        held = Grant.select(Grant.child).where(Grant.nursery == nursery, Grant.is_running())
        mine = {key for (key,) in held.tuples()}
        rows = [{"device": device, "child": key, "created": now} for key in children if key in mine]
        if rows:
            DeviceChild.insert_many(rows).execute()
    return device, code


def own_phone(person: Person, name: str, now: datetime) -> tuple[Device, str]:
    """A guardian's own: nobody else has to approve what that person may read anyway."""
    facts = {"kind": DeviceKind.FAMILY, "person": person, "approved_by": person}
    with db.atomic():
        return _invited(Device.person == person, name, person, now, **facts)


def _invited(whose: Any, name: str, by: Person, now: datetime, **facts: Any) -> tuple[Device, str]:
    code = "".join(secrets.choice(LETTERS) for _ in range(10))
    open_code = (Device.state == DeviceState.WAITING) & (
        Device.public_key.is_null(False) | (Device.code_until > now)
    )
    in_use = (Device.state == DeviceState.ACTIVE) & (Device.ends.is_null() | (Device.ends > now))
    if Device.select().where(whose, open_code | in_use).count() >= MOST_DEVICES:
        raise DomainError("too-many-devices")
    more = {"made_by": by, "code": sealing.digest(code), "code_until": now + CODE, "created": now}
    return Device.create(name=name, **more, **facts), code


def claim(code: str, public_key: bytes, address: str, now: datetime) -> Device:
    """Bind the code to this key, once. The same key again, the same answer: replies get lost."""
    if device := Device.get_or_none(Device.public_key == public_key):
        return device
    tries = f"enrol:{sealing.blind_index(address).hex()}"
    if not Limit.allow(tries, WRONG_CODES, CODE, now):
        raise DomainError("too-many-tries")
    ours = (
        (Device.code == sealing.digest(typed(code)))
        & (Device.code_until > now)
        & (Device.state == DeviceState.WAITING)
        & Device.public_key.is_null()
    )
    device = Device.get_or_none(ours)
    if device is None:
        raise DomainError("enrolment-code-unknown")
    ready = {"state": DeviceState.ACTIVE, "approved": now} if device.approved_by_id else {}
    try:
        won = Device.update(public_key=public_key, code=None, **ready).where(ours).execute()
    except IntegrityError:  # the same key came twice at once
        won = 0
    if won:
        # Only wrong codes count: a crèche may enrol all its tablets in one go.
        Limit.update(count=Limit.count - 1).where(Limit.key == tries).execute()
    return Device.get_or_none(Device.public_key == public_key) or _refuse("enrolment-code-unknown")


def digits(device: Device) -> str:
    """Six digits that both screens show: no other key and no other server has them."""
    server, _ = sealing.public_keys()
    mark = sealing.digest(bytes(device.public_key) + server)
    return f"{int.from_bytes(mark[:4], 'big') % 10**6:06}"


@db.atomic()
def approve(device: Device, by: Person, now: datetime) -> None:
    _move(
        device,
        (DeviceState.WAITING,),
        Device.public_key.is_null(False),
        state=DeviceState.ACTIVE,
        approved=now,
        approved_by=by,
    )
    if device.replaces_id:
        old = (Device.id == device.replaces_id) & Device.state.in_(Device.OPEN)
        Device.close(old, DeviceState.REPLACED, now)
    new = Grant.select(Grant.child).where(Grant.is_running(), Grant.within(device))
    _tell(new, "device-new", now)


@db.atomic()
def end(device: Device, state: DeviceState, now: datetime) -> None:
    """Revoked or lost: its cookie is dead at once, its copies go at its next contact."""
    before = [*Device.OPEN]
    if state == DeviceState.LOST:
        before.append(DeviceState.REVOKED)  # found missing only after it was removed
    _move(device, before, True, state=state, ended=now, cookie=None, cookie_until=None, code=None)
    if state == DeviceState.LOST:
        may = MayHold.select(MayHold.plan).where(MayHold.device == device, MayHold.erased.is_null())
        _tell(Plan.select(Plan.child).where(Plan.id.in_(may)), "device-lost", now)


def _tell(children: ModelSelect, code: str, now: datetime) -> None:
    """Every guardian, once for each child: the page behind it names what may still be held."""
    rows = Guardian.running().where(Guardian.child.in_(children))
    concerned = list(rows)
    people = Person.select().where(Person.id.in_([row.person_id for row in concerned]))
    told = {person.id: person for person in Sealed.open_all(people)}
    for row in concerned:
        jobs.notify(told[row.person_id], code, row.child_id, now)


def _move(device: Device, before: Iterable[str], also: Any, **change: Any) -> None:
    states = Device.state.in_(list(before))
    won = Device.update(**change).where(Device.id == device.id, states, also).execute()
    if not won:
        raise DomainError("device-not-waiting")
    for name, value in change.items():
        setattr(device, name, value)


def typed(code: str) -> str:
    """As a person types it: small letters, gaps, the two digits that look like letters."""
    kept = "".join(sign for sign in code.upper() if sign.isalnum())
    return kept.replace("0", "O").replace("1", "I")


def _refuse(code: str) -> Device:
    raise DomainError(code)


# ── the roll ─────────────────────────────────────────────────────────────────────────────────────


class Line(NamedTuple):
    """One child of a roll, as it is sent."""

    plan: str
    version: int
    pack: str | None
    verdict: str
    until: int | None


@dataclass(frozen=True)
class Roll:
    text: bytes = b""
    hash: str = ""
    common: str | None = None
    lines: tuple[Line, ...] = ()

    @property
    def held(self) -> dict[str, Line]:
        return {line.plan: line for line in self.lines if line.pack}


# Rooms that keep what runs at other devices of a nursery say here what this one is told of it.
RUNNING: list[Callable[[Device], list]] = []


def roll_of(device: Device, headers: Mapping[str, str], now: datetime) -> Roll:
    """What this device may hold now; the same state of things gives the same bytes."""
    if not device.is_active:
        return Roll()
    held = {line.plan: line for line in _held_lines(device)}
    lines = tuple(sorted([*held.values(), *_over_lines(device, held, now)]))
    board = RenderedPage.select(RenderedPage.sha256).where(
        RenderedPage.owner == _list_of(device), RenderedPage.kind == PACK
    )
    common = board.scalar()
    roll = {
        "v": PROTOCOL,
        "kind": device.kind,
        "lease": LEASE[device.kind] | {"ends": _seconds(device.ends)},
        "headers": dict(headers),
        "common": common,
        "children": lines,
        "running": [line for ask in RUNNING for line in ask(device)],
    }
    text = _packed(_json(roll), 1)  # hashes: they do not get smaller by trying harder
    return Roll(text, _hash(text), common, lines)


def _list_of(device: Device) -> UUID:
    """Whose board it shows: that of its nursery, or a list of its own."""
    return device.id if device.is_listed else device.nursery_id


def _held_lines(device: Device) -> list[Line]:
    """Through a running grant, or (a guardian's own phone) because that person guards the child."""
    ways, until, which = Grant, Grant.until, Grant.within(device) & Grant.is_running()
    if device.kind == DeviceKind.FAMILY:
        ways, until = Guardian, SQL("NULL")
        which = (Guardian.person == device.person_id) & Guardian.ended.is_null()
    rows = (
        ways.select(Plan.id, RenderedPage.version, RenderedPage.sha256, until)
        .join(Plan, on=(Plan.child == ways.child))
        .join(
            RenderedPage,
            JOIN.LEFT_OUTER,
            on=((RenderedPage.owner == Plan.id) & (RenderedPage.kind == PACK)),
        )
        .where(which, Plan.current.is_null(False))
    )
    return [
        Line(
            str(plan_id),
            version or 0,
            pack,
            "held" if pack else "pending",
            until and _seconds(Grant(until=until).ended_at),
        )
        for plan_id, version, pack, until in rows.tuples()
    ]


def _over_lines(device: Device, held: Container[str], now: datetime) -> Iterator[Line]:
    """Plans that the device may still have and should no longer be given."""
    may = MayHold.select(MayHold.plan, MayHold.version).where(
        MayHold.device == device, MayHold.erased.is_null()
    )
    rest = {plan: version for plan, version in may.tuples() if str(plan) not in held}
    if not rest:
        return
    if device.kind == DeviceKind.FAMILY:
        ended = (Guardian.person == device.person_id) & Guardian.ended.is_null(False)
        past = Guardian.select(Plan.id).join(Plan, on=(Plan.child == Guardian.child)).where(ended)
        for (plan,) in past.where(Plan.id.in_(list(rest))).tuples():
            yield Line(str(plan), rest[plan], None, "erase", None)
        return
    grants: dict[UUID, list[Grant]] = {plan: [] for plan in rest}
    for grant in (
        Grant.select(Grant, Plan.id.alias("plan_id"))
        .join(Plan, on=(Plan.child == Grant.child))
        .where(Plan.id.in_(list(rest)), Grant.nursery == device.nursery_id)
        .where(Grant.accepted.is_null(False))
        .objects()
    ):
        grants[grant.plan_id].append(grant)
    for plan, found in grants.items():
        if verdict := _verdict(device, found, now):
            yield Line(str(plan), rest[plan], None, *verdict)


def _verdict(device: Device, grants: list[Grant], now: datetime) -> tuple[str, int | None] | None:
    """None without a record: the plan is then not named, and the device keeps its copy."""
    if not grants:
        return None
    running = [grant for grant in grants if grant.ended_at is None or grant.ended_at > now]
    if running:
        elsewhere = device.room_id and all(
            grant.room_id not in (None, device.room_id) for grant in running
        )
        return ("erase", None) if elsewhere else None
    last = max(grants, key=lambda grant: grant.ended_at)
    if last.erase_due(now):
        return "erase", None
    return "held", _seconds(last.ended_at)


def _seconds(moment: datetime | None) -> int | None:
    return moment and int(moment.timestamp())


# ── what a device asks ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Question:
    """The body of a sync, read strictly: a device speaks this protocol or none."""

    n: int
    seq: int = 0
    applied: int = 0
    have: str = ""
    want: frozenset[str] = frozenset()
    erased: tuple[UUID, ...] = ()
    held: Mapping[UUID, int] = field(default_factory=dict)
    events: tuple[dict, ...] = ()
    health: Mapping[str, bool | int] = field(default_factory=dict)
    left: bool = False  # the owner of this phone has signed out

    @classmethod
    def read(cls, body: bytes) -> Self:
        try:
            data = json.loads(body)
            if data["v"] != PROTOCOL:
                raise ValueError
            return cls(
                *(_number(data[name]) for name in ("n", "seq", "applied")),
                have=str(data["have"])[:64],
                want=frozenset(str(name) for name in data["want"][:WANTS]),
                erased=tuple(UUID(plan) for plan in data["erased"]),
                held={UUID(plan): _number(row[0]) for plan, row in data.get("held", {}).items()},
                health=_health(data.get("health") or {}),
                events=tuple(_event(event) for event in data["events"][: inbox.MOST]),
                left=data.get("left") is True,
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise DomainError("sync-malformed") from None


def _event(value: Any) -> dict:
    """What is in it, inbox.py reads; without an id it could not even be refused."""
    if not isinstance(value["id"], str) or len(value["id"]) > 64:
        raise ValueError
    return value


def _health(said: Mapping[str, Any]) -> dict[str, bool | int]:
    """What a device says of itself, for its manager: facts only, no reason to refuse it."""
    return {name: said[name] for name in HEALTH if type(said.get(name)) in (bool, int)}


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < NUMBERS:
        raise ValueError
    return value


# ── the answer ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Answer:
    """A signed head and the bytes it brings. `cookie` is new when the device's own is unknown."""

    head: str
    entries: list[tuple[str, bytes]]
    cookie: str | None

    def body(self) -> bytes:
        first = {
            "head": self.head,
            "sig": b64encode(sealing.sign("kannerplang-head-1", self.head.encode())).decode(),
            "entries": [[name, len(value)] for name, value in self.entries],
        }
        return b"".join([_json(first).encode(), b"\n", *(value for _, value in self.entries)])


def answer(
    device: Device,
    question: Question,
    headers: Mapping[str, str],
    now: datetime,
    cookie: str | None = None,
    person_id: UUID | None = None,
) -> Answer:
    """Note the contact, then say what the device may hold and send what it lacks of it.

    Who may hold what is written before the first byte leaves, so that it is true without a receipt.
    """
    with db.atomic():
        _settle(device, question, person_id, now)
        seq, token = _contact(device, question, cookie, now)
        _receipts(device, question, now)
        queue = inbox.receive(device, question.events, now)
        roll = roll_of(device, headers, now)
        changed = roll.hash != question.have
        known = changed and _sent_roll(device, question.have)
        parcels = _parcels(roll, device) if roll.hash and (changed or question.want) else []
        if changed and roll.hash:
            _remember(device, roll, seq, parcels, question.have)
        entries = _entries(roll, parcels, question, known)
        _may_hold(device, roll, parcels, {name for name, _ in entries}, now)
        _report(device, question, roll, now)
    ask = "held" if roll.hash and question.have and known is None else None
    return Answer(_head(device, question, seq, roll, queue, ask, now), entries, token)


def _settle(device: Device, question: Question, person_id: UUID | None, now: datetime) -> None:
    """A pass past its end, or a guardian's phone that its owner has signed out of or on which
    somebody else has signed in: the end is put on record first."""
    left = question.left or person_id not in (None, device.person_id)
    over = device.is_over(now) or (left and device.kind == DeviceKind.FAMILY)
    if device.state in Device.OPEN and over:
        end(device, DeviceState.ENDED, now)


def _sent_roll(device: Device, name: str) -> SentRoll | None:
    return SentRoll.get_or_none(SentRoll.device == device, SentRoll.hash == name)


def _head(
    device: Device,
    question: Question,
    seq: int,
    roll: Roll,
    queue: tuple[list, list],
    ask: str | None,
    now: datetime,
) -> str:
    return _json(
        {
            "v": PROTOCOL,
            "device": str(device.id),
            "n": question.n,
            "seq": seq,
            "time": int(now.timestamp()),
            "local": f"{local(now):%Y-%m-%dT%H:%M}",
            "state": device.state,
            "roll": roll.hash,
            "ack": queue[0],
            "refused": queue[1],
            "ask": ask,
        }
    )


def _contact(
    device: Device, question: Question, cookie: str | None, now: datetime
) -> tuple[int, str | None]:
    """The head's number and, where needed, a new cookie. An old or repeated request is refused."""
    seq = max(device.seq, question.seq, int(now.timestamp() * 1000)) + 1
    change = {"n": question.n, "seq": seq, "last_contact": now, "health": question.health}
    token = None
    if device.is_active:
        if cookie is None or sealing.digest(cookie) != bytes(device.cookie or b""):
            token = secrets.token_urlsafe(32)
            change["cookie"] = sealing.digest(token)
        change["cookie_until"] = now + COOKIE
    fresh = Device.update(**change).where(Device.id == device.id, Device.n < question.n)
    if not fresh.execute():
        raise DomainError("sync-behind")
    return seq, token


def _receipts(device: Device, question: Question, now: datetime) -> None:
    """What the device says it has erased, and that it has put a roll into use."""
    mine = (MayHold.device == device) & MayHold.erased.is_null()
    if question.erased:
        gone = MayHold.update(erased=now).where(mine, MayHold.plan.in_(question.erased))
        if gone.execute():
            Nursery.touch([device.nursery_id])  # its board names the child until now
    if question.have in ("", device.roll):
        return
    applied = SentRoll.select().where(
        SentRoll.device == device,
        SentRoll.hash == question.have,
        SentRoll.seq <= question.applied,
    )
    if applied.exists():
        Device.update(roll=question.have).where(Device.id == device.id).execute()
        MayHold.update(confirmed=now).where(mine).execute()


class Parcel(NamedTuple):
    """A pack and what it names: text and photo travel with it; scans, as pictures of the kit's
    places, only when asked for."""

    owner: UUID
    key_id: UUID
    pack: str
    pages: tuple[str, ...]
    photo: tuple[str, ...]
    scans: tuple[str, ...]

    @property
    def text(self) -> tuple[str, ...]:
        return (self.pack, *self.pages, *self.photo)

    @property
    def all(self) -> tuple[str, ...]:
        return self.text + self.scans


def _parcels(roll: Roll, device: Device) -> list[Parcel]:
    """In the roll's order, the board first."""
    owners = [_list_of(device), *(UUID(plan) for plan in roll.held)]
    packs = RenderedPage.select(
        RenderedPage.owner, RenderedPage.data_key, RenderedPage.sha256, RenderedPage.names
    ).where(RenderedPage.owner.in_(owners), RenderedPage.kind == PACK)
    named = {roll.common, *(line.pack for line in roll.held.values())}
    found = {row[0]: _parcel(*row) for row in packs.tuples() if row[2] in named}
    return [found[owner] for owner in owners if owner in found]


def _parcel(owner: UUID, key_id: UUID, pack: str, names: str) -> Parcel:
    named = json.loads(names)
    files = named["files"]
    photo = (files.pop("photo"),) if "photo" in files else ()
    return Parcel(owner, key_id, pack, tuple(named["pages"]), photo, tuple(files.values()))


def _remember(device: Device, roll: Roll, seq: int, parcels: list[Parcel], have: str) -> None:
    named = [name for parcel in parcels for name in parcel.text]
    (
        SentRoll.insert(device=device, hash=roll.hash, seq=seq, named=json.dumps(named))
        .on_conflict_ignore()
        .execute()
    )
    old = SentRoll.hash.not_in([have, roll.hash])
    SentRoll.delete().where(SentRoll.device == device, old).execute()


def _entries(
    roll: Roll, parcels: list[Parcel], question: Question, known: SentRoll | None | bool
) -> list[tuple[str, bytes]]:
    """What the roll that the device has did not name, and what it wants, up to the limit."""
    changed = roll.hash != question.have
    has = set(json.loads(known.named)) if known else set()
    entries = []
    if roll.hash and (changed or roll.hash in question.want):
        entries.append((roll.hash, roll.text))
    room = ANSWER - len(roll.text)
    for parcel in parcels:
        new = tuple(name for name in parcel.text if changed and name not in has)
        if parcel.pack in question.want:
            new = parcel.text
        wanted = [name for name in parcel.all if name in question.want]
        for name, value in _read(parcel, dict.fromkeys([*new, *wanted])):
            room -= len(value)
            if room < 0:
                return entries
            entries.append((name, value))
    return entries


def _read(parcel: Parcel, names: Container[str]) -> Iterator[tuple[str, bytes]]:
    """The bytes behind hashes of one owner, in the order of the parcel."""
    rows: dict[str, RenderedPage | Blob] = {}
    if any(name in names for name in (parcel.pack, *parcel.pages)):
        pages = RenderedPage.select().where(RenderedPage.owner == parcel.owner)
        rows |= {row.sha256: row for row in pages}
    if files := [name for name in parcel.photo + parcel.scans if name in names]:
        blobs = Blob.select().where(Blob.data_key == parcel.key_id, Blob.sha256.in_(files))
        rows |= {row.sha256: row for row in blobs}
    for name in parcel.all:
        try:
            if name in names and name in rows:
                yield name, rows[name].read()
        except sealing.SealBroken:
            log.error("an entry of %s cannot be opened", parcel.owner)


def _may_hold(
    device: Device, roll: Roll, parcels: list[Parcel], sent: set[str], now: datetime
) -> None:
    held = roll.held
    rows = [
        {
            "device": device,
            "plan": parcel.owner,
            "version": held[str(parcel.owner)].version,
            "sent": now,
            "created": now,
        }
        for parcel in parcels
        if str(parcel.owner) in held and not sent.isdisjoint(parcel.all)
    ]
    if rows:
        MayHold.insert_many(rows).on_conflict(
            conflict_target=[MayHold.device, MayHold.plan],
            preserve=[MayHold.version, MayHold.sent],
            update={MayHold.erased: None},
        ).execute()


def _report(device: Device, question: Question, roll: Roll, now: datetime) -> None:
    """A device holds what is unknown or older here: a restored backup, or worse."""
    if not question.held:
        return
    named = {UUID(line.plan): line.version for line in roll.lines}
    odd = {plan for plan, version in question.held.items() if named.get(plan, -1) < version}
    ours = (
        Plan.select(Plan.id, Plan.child)
        .join(Grant, on=(Grant.child == Plan.child))
        .where(Plan.id.in_(list(odd)), Grant.nursery == device.nursery_id)
        .distinct()
    )
    for plan, child in ours.tuples():
        (
            MayHold.insert(device=device, plan=plan, version=question.held[plan], sent=now)
            .on_conflict_ignore()
            .execute()
        )
        if Limit.allow(f"unconfirmed:{device.id}:{plan}", 1, timedelta(days=1), now):
            Audit.note(
                Actor(device=device), "copy.unconfirmed", plan, child=child, outcome="refused"
            )

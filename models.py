"""Every table, who may see its rows, and the questions one row can answer. Imports no flask."""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, reduce
from operator import or_
from typing import Any, Self
from uuid import UUID, uuid4

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DeferredForeignKey,
    Expression,
    Field,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
    OperationalError,
    TextField,
    UUIDField,
    fn,
)

import sealing
from database import (
    LUXEMBOURG,
    BaseModel,
    DataKey,
    DomainError,
    JsonField,
    Sealed,
    Secret,
    UtcField,
    clock,
    db,
    today,
)

GRACE = timedelta(hours=72)  # product.md 5: how long a nursery's copy outlives the end of sharing
PROOF = timedelta(minutes=5)  # how long a passkey assertion or challenge counts as fresh

log = logging.getLogger(__name__)


class Blob(BaseModel):
    """Sealed bytes: a photo or a scan page. Named by the SHA-256 of what it holds."""

    data_key = ForeignKeyField(
        DataKey, column_name="key_id", object_id_name="data_key_id", on_delete="CASCADE"
    )
    sha256 = CharField(max_length=64, index=True)
    size = IntegerField()
    sealed = BlobField()

    @classmethod
    def keep(cls, value: bytes, key: DataKey | UUID) -> Self:
        blob = cls(data_key=key, sha256=sealing.digest(value).hex(), size=len(value))
        DataKey.open_all([blob.data_key_id])
        blob.sealed = sealing.seal(value, blob.data_key_id, f"blob:{blob.id}")
        blob.save(force_insert=True)
        return blob

    def read(self) -> bytes:
        DataKey.open_all([self.data_key_id])
        return sealing.unseal(bytes(self.sealed), self.data_key_id, f"blob:{self.id}")


# ── people and how they sign in ──────────────────────────────────────────────────────────────────


class Person(Sealed):
    """An account. What it may do follows from Guardian and Staff rows and the two flags."""

    handle = BlobField(unique=True)
    language = CharField(max_length=2)
    is_nurse = BooleanField(default=False)
    is_admin = BooleanField(default=False)
    name = Secret()
    mail = Secret()  # for copies of notices; never a way to sign in
    phone = Secret()
    muted = Secret(list, ())  # channels that are switched off: notices stay in the app
    consented = Secret()  # ISO moment at which the notice was agreed to

    @classmethod
    def names(cls, ids: Iterable[UUID | None]) -> dict[UUID, str]:
        people = cls.select().where(cls.id.in_({key for key in ids if key}))
        return {person.id: person.name for person in cls.open_all(people)}


class Passkey(BaseModel):
    person = ForeignKeyField(Person, backref="passkeys", on_delete="CASCADE")
    credential = BlobField(unique=True)
    public_key = BlobField()
    sign_count = BigIntegerField()
    transports = CharField(default="")
    backed_up = BooleanField()
    label = CharField(default="")
    last_used = UtcField(null=True)


class Challenge(BaseModel):
    """A WebAuthn challenge. A row can be deleted only once: that is what makes it single-use."""

    value = BlobField(unique=True)
    purpose = CharField()
    about = TextField(default="")

    @classmethod
    def spend(cls, value: bytes, purpose: str, now: datetime) -> str | None:
        """What the challenge was about, once, within five minutes; None otherwise."""
        ours = (cls.value == value) & (cls.purpose == purpose)
        row = cls.select().where(ours & (cls.created > now - PROOF)).get_or_none()
        if row is None or not cls.delete().where(cls.id == row.id).execute():
            return None
        return row.about


class SignIn(BaseModel):
    """A server-side session: the hash of the cookie, so that signing out really ends it."""

    IDLE = timedelta(hours=12)

    token = BlobField(unique=True)
    person = ForeignKeyField(Person, backref="sign_ins", on_delete="CASCADE")
    last_seen = UtcField(default=clock)
    ended = UtcField(null=True)

    @classmethod
    def by_cookie(cls, cookie: str, now: datetime) -> Self | None:
        """The running session and its person, in one statement."""
        return (
            cls.select(cls, Person)
            .join(Person)
            .where(
                cls.token == sealing.digest(cookie),
                cls.ended.is_null(),
                cls.last_seen > now - cls.IDLE,
            )
            .get_or_none()
        )


class Token(BaseModel):
    """A link that works once. Only its hash is kept: the database alone opens nothing."""

    LIFE = timedelta(days=7)

    hash = BlobField(unique=True)
    purpose = CharField()
    about = UUIDField(index=True)
    until = UtcField()

    @classmethod
    def make(cls, purpose: str, about: UUID, now: datetime, until: datetime | None = None) -> str:
        """The secret for the link; one made before for the same thing stops working."""
        secret = secrets.token_urlsafe(32)
        with db.atomic():
            cls.delete().where(cls.purpose == purpose, cls.about == about).execute()
            digest = sealing.digest(secret)
            end = until or now + cls.LIFE
            cls.create(hash=digest, purpose=purpose, about=about, until=end, created=now)
        return secret

    @classmethod
    def find(cls, secret: str, purpose: str, now: datetime) -> Self | None:
        return cls.get_or_none(
            cls.hash == sealing.digest(secret), cls.purpose == purpose, cls.until > now
        )

    def spend(self) -> bool:
        """A row can be deleted only once: that is what makes it single-use."""
        return bool(Token.delete().where(Token.id == self.id).execute())


class Limit(BaseModel):
    """How often something was tried in a window. In the database, so that all workers agree."""

    KEPT = timedelta(days=2)

    key = CharField()
    window = UtcField()
    count = IntegerField(default=0)

    class Meta:
        indexes = ((("key", "window"), True),)

    @classmethod
    def allow(cls, key: str, most: int, per: timedelta, now: datetime) -> bool:
        """Count one more try of `key`; False once there were more than `most` in this window."""
        seconds = per.total_seconds()
        window = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        row = {"id": uuid4(), "key": key, "window": window, "count": 1, "created": now}
        # In one statement: of many at once exactly `most` come through.
        (counted,) = (
            cls.insert(row)
            .on_conflict(conflict_target=[cls.key, cls.window], update={cls.count: cls.count + 1})
            .returning(cls.count)
            .execute()
        )
        if counted.count == 1:  # what was counted long ago limits nobody
            cls.delete().where(cls.window < now - cls.KEPT).execute()
        return counted.count <= most


# ── children and their families ──────────────────────────────────────────────────────────────────


class Child(Sealed):
    photo = ForeignKeyField(Blob, null=True, on_delete="SET NULL")
    first_name = Secret()
    family_name = Secret()
    born = Secret(date)
    weight = Secret()  # as weighed, in kg, digits as typed: never computed with
    weighed_on = Secret(date)
    peg_sign = Secret()
    languages = Secret()
    photo_on = Secret(date)
    former_photo = Secret()

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.family_name}"

    @property
    def short_name(self) -> str:
        return f"{self.first_name} {self.family_name[:1]}."

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        """Through a Guardian row, or a running Grant to a nursery of the actor."""
        return cls.select().where(in_reach(cls.id, actor))

    @classmethod
    def guarded_by(cls, actor: "Actor") -> ModelSelect:
        return cls.select().where(cls.id.in_(Guardian.children_of(actor)))

    def change_photo(self, blob: Blob | None, today: date) -> None:
        """The photo before is kept until the next change: a device may be about to fetch it."""
        if self.former_photo:
            Blob.delete().where(Blob.id == UUID(self.former_photo)).execute()
        self.former_photo = str(self.photo_id or "")
        self.photo = blob
        self.photo_on = today if blob else ""
        self.save()


class Rights(StrEnum):
    ALL = "all"
    SEE = "see"


class Guardian(BaseModel):
    person = ForeignKeyField(Person, backref="guardians", on_delete="CASCADE")
    child = ForeignKeyField(Child, backref="guardians", on_delete="CASCADE")
    rights = CharField(default=Rights.ALL)
    relation = CharField(default="parent")
    ended = UtcField(null=True)

    class Meta:
        indexes = ((("person", "child"), True),)

    @classmethod
    def running(cls) -> ModelSelect:
        return cls.select().where(cls.ended.is_null())

    @classmethod
    def children_of(cls, actor: "Actor") -> ModelSelect:
        return cls.select(cls.child).where(cls.ended.is_null(), cls.person == actor.scope_id)


class ContactKind(StrEnum):
    EMERGENCY = "emergency"
    QUESTIONS = "questions"


class Contact(Sealed):
    """A person to call. Not part of a plan's version: a new number is live at once."""

    child = ForeignKeyField(Child, backref="contacts", on_delete="CASCADE")
    kind = CharField(default=ContactKind.EMERGENCY)
    rank = IntegerField()
    name = Secret()
    relation = Secret()
    phones = Secret(list, ())  # in the order to try them, as typed
    reach = Secret()  # how and when, in the family's words
    languages = Secret()  # codes or names, in the family's words
    collects = Secret()  # "" no; else on which days

    @classmethod
    def of(cls, child_id: UUID) -> list[Self]:
        return cls.open_all(
            cls.select().where(cls.child == child_id).order_by(cls.kind, cls.rank, cls.created)
        )

    def put_last(self) -> None:
        """At the end of its list."""
        same = Contact.select(fn.MAX(Contact.rank)).where(*self._beside())
        self.rank = (same.scalar() or 0) + 1

    def move(self, step: int) -> None:
        """One place up (-1) or down (1) in its list; beyond an end nothing happens."""
        with db.atomic():
            rows = Contact.select(Contact.id).where(*self._beside())
            order = [key for (key,) in rows.order_by(Contact.rank, Contact.created).tuples()]
            here = order.index(self.id)
            order.insert(max(here + step, 0), order.pop(here))
            for rank, key in enumerate(order, start=1):
                Contact.update(rank=rank).where(Contact.id == key).execute()

    def _beside(self) -> tuple[Expression, Expression]:
        return Contact.child == self.child_id, Contact.kind == self.kind


# ── nurseries ────────────────────────────────────────────────────────────────────────────────────


class Nursery(Sealed):
    name = CharField()
    kind = CharField(default="creche")
    code = CharField(max_length=6, unique=True)
    address = Secret()
    entrance = Secret()
    phone = Secret()
    # The board is due when this is not the number it was rendered from, as for a Plan.
    changes = IntegerField(default=1)
    rendered = IntegerField(default=0)

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        return cls.select().where(cls.id.in_(actor.nurseries))

    @classmethod
    def touch(cls, nursery_ids: "ModelSelect | list[UUID]") -> None:
        cls.update(changes=cls.changes + 1).where(cls.id.in_(nursery_ids)).execute()
        Device.touch(Device.nursery.in_(nursery_ids))


class Room(BaseModel):
    nursery = ForeignKeyField(Nursery, backref="rooms", on_delete="CASCADE")
    name = CharField()
    rank = IntegerField(default=0)

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        return cls.select().where(cls.nursery.in_(actor.nurseries))


class StaffRole(StrEnum):
    STAFF = "staff"
    MANAGER = "manager"


class Staff(Sealed):
    nursery = ForeignKeyField(Nursery, backref="staff", on_delete="CASCADE")
    person = ForeignKeyField(Person, null=True, backref="staff", on_delete="SET NULL")
    role = CharField(default=StaffRole.STAFF)
    ended = UtcField(null=True)
    name = Secret()

    @classmethod
    def running(cls) -> ModelSelect:
        return cls.select().where(cls.ended.is_null())

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        return cls.running().where(cls.nursery.in_(actor.nurseries))


class Grant(BaseModel):
    """A guardian lets one nursery hold one child's plan. Offered, then accepted by its manager."""

    child = ForeignKeyField(Child, backref="grants", on_delete="CASCADE")
    nursery = ForeignKeyField(Nursery, backref="grants", on_delete="CASCADE")
    room = ForeignKeyField(Room, null=True, on_delete="SET NULL")
    offered_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    until = DateField(null=True)
    accepted = UtcField(null=True)
    accepted_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    refused = UtcField(null=True)
    ended = UtcField(null=True)
    ended_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    left = UtcField(null=True)  # the manager confirmed that the child has left

    @classmethod
    def is_running(cls) -> Expression:
        """Accepted, not ended, and not past its last day."""
        in_time = cls.until.is_null() | (cls.until >= today())
        return cls.accepted.is_null(False) & cls.ended.is_null() & in_time

    @classmethod
    def is_offered(cls) -> Expression:
        return cls.accepted.is_null() & cls.refused.is_null() & cls.ended.is_null()

    @classmethod
    def is_open(cls) -> Expression:
        return cls.is_running() | cls.is_offered()

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        """Guardians see all grants of their child; a nursery's people those made to it."""
        return cls.select().where(
            cls.child.in_(Guardian.children_of(actor)) | cls.nursery.in_(actor.managed)
        )

    @classmethod
    def children_for(cls, actor: "Actor") -> ModelSelect:
        """Children whose plan the actor's nursery may hold; a tablet sees its own room only."""
        held = cls.nursery.in_(actor.staffed)
        if actor.device and actor.device.is_active and actor.device.nursery_id:
            held |= cls.within(actor.device)
        return cls.select(cls.child).where(cls.is_running(), held)

    @classmethod
    def within(cls, device: "Device") -> Expression:
        """The part of its nursery that a device is for. A pass without a room has its children,
        and none of any other."""
        here = cls.nursery == device.nursery_id
        if device.room_id:
            return here & ((cls.room == device.room_id) | cls.room.is_null())
        if device.kind == DeviceKind.PASS:
            chosen = DeviceChild.select(DeviceChild.child).where(DeviceChild.device == device)
            here &= cls.child.in_(chosen)
        return here

    @classmethod
    def offers_to(cls, actor: "Actor") -> list[ModelSelect]:
        """Children whose plan a manager is asked to take: a query, or none."""
        offered = cls.is_offered() & cls.nursery.in_(actor.managed)
        return [cls.select(cls.child).where(offered)] if actor.managed else []

    def erase_due(self, now: datetime) -> bool:
        """Whether copies must go: the end is on record and the child has left, or 72 h passed."""
        end = self.ended_at
        return end is not None and end <= now and (self.left is not None or end + GRACE <= now)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended or will end: stopped by somebody, or the midnight after its last day."""
        if self.ended or not self.until:
            return self.ended
        after = self.until + timedelta(days=1)
        return datetime.combine(after, datetime.min.time(), LUXEMBOURG).astimezone(UTC)


def in_reach(child: Field, actor: "Actor", *more: ModelSelect) -> Expression:
    """Of a column of child ids: the actor is a guardian, or of a nursery that holds
    the plan, or one of the queries in `more` names the child. Asks only what can be true: nested
    queries cost more to write than to run."""
    ways = list(more)
    if actor.person:
        ways.append(Guardian.children_of(actor))
    if actor.family:
        ways.append(Guardian.children_of(actor.family))
    if actor.nurseries:
        ways.append(Grant.children_for(actor))
    return reduce(or_, (child.in_(way) for way in ways), child.is_null())


class PaperChild(Sealed):
    """A child whose plan is on paper only: the board counts it and says where the paper is."""

    nursery = ForeignKeyField(Nursery, backref="paper_children", on_delete="CASCADE")
    room = ForeignKeyField(Room, null=True, on_delete="SET NULL")
    condition = Secret()
    name = Secret()
    peg_sign = Secret()
    place = Secret()

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        return cls.select().where(cls.nursery.in_(actor.nurseries))


class Presence(BaseModel):
    """Whether a child is here on a day: the latest word. Ids only: who that is stands in sealed
    rows."""

    child = ForeignKeyField(Child, on_delete="CASCADE")
    nursery = ForeignKeyField(Nursery, on_delete="CASCADE")
    day = DateField()
    here = BooleanField(default=True)
    at = UtcField(default=clock)

    class Meta:
        indexes = ((("child", "nursery", "day"), True),)


# ── plans ────────────────────────────────────────────────────────────────────────────────────────


class PlanState(StrEnum):
    SUBMITTED = "submitted"
    REFUSED = "refused"
    IN_FORCE = "in-force"
    REPLACED = "replaced"
    STOPPED = "stopped"


class PlanMode(StrEnum):
    SCAN = "scan"
    GUIDED = "guided"


class Plan(BaseModel):
    """One per child. The words are in its versions; what is shown is `current`."""

    child = ForeignKeyField(Child, unique=True, backref="plans", on_delete="CASCADE")
    current = DeferredForeignKey("PlanVersion", null=True, backref="+", on_delete="SET NULL")
    salt = BlobField()
    # Pages are due when this is not the number they were rendered from: see offline.py.
    changes = IntegerField(default=1)
    rendered = IntegerField(default=0)

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        """Guardians, nurseries with a running grant, and managers to whom it is offered."""
        return cls.select().where(in_reach(cls.child, actor, *Grant.offers_to(actor)))

    @classmethod
    def touch(cls, child_id: UUID) -> None:
        """Something its pages show has changed: they and the boards that name it are due again."""
        cls.update(changes=cls.changes + 1).where(cls.child == child_id).execute()
        holders = Grant.select(Grant.nursery).where(Grant.child == child_id)
        Nursery.touch(holders)
        family = Guardian.select(Guardian.person).where(Guardian.child == child_id)
        Device.touch(Device.person.in_(family))


class Scan(Sealed):
    """The signed paper as photographed: one set of pages, with the signatures that stand on it."""

    plan = ForeignKeyField(Plan, backref="scans", on_delete="CASCADE")
    made_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")

    @property
    def pages(self) -> list["ScanPage"]:
        return list(self.scan_pages.order_by(ScanPage.rank))


class ScanPage(BaseModel):
    scan = ForeignKeyField(Scan, backref="scan_pages", on_delete="CASCADE")
    rank = IntegerField()
    blob = ForeignKeyField(Blob, on_delete="CASCADE")


class Signature(Sealed):
    """Recorded and shown, a missing one too (`on` unset); it never blocks."""

    scan = ForeignKeyField(Scan, backref="signatures", on_delete="CASCADE")
    rank = IntegerField(default=0)
    name = Secret()
    role = Secret()
    on = Secret(date)
    note = Secret()  # what it consents to, as on the paper


class PlanVersion(Sealed):
    """One immutable state of a plan: triggers refuse to change its words, hash and signature."""

    plan = ForeignKeyField(Plan, backref="versions", on_delete="CASCADE")
    no = IntegerField()
    state = CharField(default=PlanState.SUBMITTED)
    mode = CharField()
    scan = ForeignKeyField(Scan, null=True, on_delete="SET NULL")
    author = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    prev_hash = CharField(default="")
    hash = CharField()
    signature = BlobField()
    code = CharField(null=True, index=True)  # of its text, as prints carry it: plan.print_code()
    checker = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    checked = UtcField(null=True)
    content = Secret(dict, None)

    class Meta:
        indexes = ((("plan", "no"), True),)


class Check(Sealed):
    """What the second person found, line by line, when comparing a version with the paper."""

    version = ForeignKeyField(PlanVersion, backref="checks", on_delete="CASCADE")
    by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    passed = BooleanField()
    findings = Secret(dict, None)
    remark = Secret()


class Draft(Sealed):
    """The plan being written. `revision` is what two tabs or two guardians are held apart by."""

    plan = ForeignKeyField(Plan, unique=True, backref="drafts", on_delete="CASCADE")
    base_no = IntegerField(default=0)
    revision = IntegerField(default=1)
    author = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    scan = ForeignKeyField(Scan, null=True, on_delete="SET NULL")
    content = Secret(dict, None)


class KitUnit(Sealed):
    """One physical box or pen. `expires` is as printed on it: 2027-03 or 2026-12-12."""

    plan = ForeignKeyField(Plan, backref="kit_units", on_delete="CASCADE")
    rank = IntegerField(default=0)
    ended = UtcField(null=True)
    label = Secret()
    count = Secret()
    expires = Secret()
    lot = Secret()
    place = Secret()
    note = Secret()
    handed_in = Secret()
    handed_back = Secret()  # who took it back, and when
    handed_back_on = Secret(date)

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        """Whoever may see the plan that a box or pen belongs to."""
        return cls.select().where(cls.plan.in_(Plan.visible_to(actor).select(Plan.id)))

    @classmethod
    def of(cls, plan_id: UUID) -> list[Self]:
        return cls.open_all(
            cls.select()
            .where(cls.plan == plan_id, cls.ended.is_null())
            .order_by(cls.rank, cls.created)
        )

    def replace(self, expires: str, lot: str, handed_in: str, now: datetime) -> Self:
        """A new one in the same place. The old one is ended, once, though two may tap at once."""
        with db.atomic():
            here = KitUnit.id == self.id, KitUnit.ended.is_null()
            if not KitUnit.update(ended=now).where(*here).execute():
                raise DomainError("kit-unit-replaced")
            unit = KitUnit.create(
                plan=self.plan_id,
                data_key=self.data_key_id,
                rank=self.rank,
                expires=expires,
                lot=lot,
                handed_in=handed_in,
                **{name: getattr(self, name) for name in ("label", "count", "place", "note")},
            )
            Plan.touch(self.plan.child_id)
        return unit


# ── devices and what they hold ───────────────────────────────────────────────────────────────────


class DeviceState(StrEnum):
    WAITING = "waiting"
    ACTIVE = "active"
    REVOKED = "revoked"
    LOST = "lost"
    ENDED = "ended"
    REPLACED = "replaced"


class DeviceKind(StrEnum):
    TABLET = "tablet"  # the nursery's own
    PHONE = "phone"  # of one staff member
    PASS = "pass"  # noqa: S105  a substitute's, or an outing's: one room or chosen children, until `ends`
    FAMILY = "family"  # a guardian's own, of no nursery


class Device(BaseModel):
    """An enrolled browser with a key pair of its own: offline.md 1 and 2."""

    OPEN = (DeviceState.WAITING, DeviceState.ACTIVE)
    LISTED = (DeviceKind.PASS, DeviceKind.FAMILY)  # with a list of their own in place of the board

    nursery = ForeignKeyField(Nursery, null=True, backref="devices", on_delete="CASCADE")
    room = ForeignKeyField(Room, null=True, on_delete="SET NULL")
    person = ForeignKeyField(Person, null=True, backref="devices", on_delete="CASCADE")
    staff = ForeignKeyField(Staff, null=True, backref="devices", on_delete="SET NULL")
    replaces = ForeignKeyField("self", null=True, backref="+", on_delete="SET NULL")
    kind = CharField(default=DeviceKind.TABLET)
    name = CharField()
    can_call = BooleanField(default=False)
    state = CharField(default=DeviceState.WAITING)
    made_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    code = BlobField(null=True, unique=True)  # hash of the enrolment code; gone once used
    code_until = UtcField(null=True)
    public_key = BlobField(null=True, unique=True)
    approved = UtcField(null=True)
    approved_by = ForeignKeyField(Person, null=True, on_delete="SET NULL")
    cookie = BlobField(null=True, index=True)  # hash of __Host-device
    cookie_until = UtcField(null=True)
    n = BigIntegerField(default=0)  # the device's counter
    seq = BigIntegerField(default=0)  # the last head's sequence number
    roll = CharField(default="")  # hash of the roll the device said it has applied
    last_contact = UtcField(null=True)
    health = JsonField(default=dict)  # what it said of itself then: offline.Health
    ends = UtcField(null=True)  # of a pass
    ended = UtcField(null=True)
    # Its own list is due when this is not the number it was rendered from, as for a Plan.
    changes = IntegerField(default=1)
    rendered = IntegerField(default=0)

    @property
    def is_active(self) -> bool:
        return self.state == DeviceState.ACTIVE and not self.is_over(clock())

    @property
    def is_listed(self) -> bool:
        return self.kind in self.LISTED

    def is_over(self, now: datetime) -> bool:
        """Past its fixed end, whether or not it has called since."""
        return self.ends is not None and self.ends <= now

    @property
    def data_key_id(self) -> UUID:
        return (self.nursery or self.person).data_key_id

    @classmethod
    def visible_to(cls, actor: "Actor") -> ModelSelect:
        own = (cls.kind == DeviceKind.FAMILY) & (cls.person == actor.scope_id)
        return cls.select().where(cls.nursery.in_(actor.managed) | own)

    @classmethod
    def touch(cls, which: Expression) -> None:
        mine = cls.kind.in_(cls.LISTED), cls.state.in_(cls.OPEN), which
        cls.update(changes=cls.changes + 1).where(*mine).execute()

    @classmethod
    def close(cls, which: Expression, state: DeviceState, now: datetime) -> int:
        """Its cookie is dead at once; its copies go at its next contact."""
        return (
            cls.update(state=state, ended=now, cookie=None, cookie_until=None, code=None)
            .where(which)
            .execute()
        )

    @classmethod
    def by_cookie(cls, cookie: str, now: datetime) -> Self | None:
        return cls.get_or_none(cls.cookie == sealing.digest(cookie), cls.cookie_until > now)


class DeviceChild(BaseModel):
    """A child that a pass is for."""

    device = ForeignKeyField(Device, backref="children", on_delete="CASCADE")
    child = ForeignKeyField(Child, backref="+", on_delete="CASCADE")

    class Meta:
        indexes = ((("device", "child"), True),)


class SentRoll(BaseModel):
    """Which hashes a roll that was sent to a device reaches, so that only what is new is sent."""

    device = ForeignKeyField(Device, on_delete="CASCADE")
    hash = CharField()
    seq = BigIntegerField()  # the first head that named it: a device past it has applied it
    named = TextField()  # JSON list of hashes

    class Meta:
        indexes = ((("device", "hash"), True),)


class MayHold(BaseModel):
    """Written before the first byte leaves, so that "may still hold" is true without a receipt."""

    device = ForeignKeyField(Device, backref="holdings", on_delete="CASCADE")
    plan = UUIDField(index=True)  # no foreign key: it must outlive an erased plan
    version = IntegerField()
    sent = UtcField(default=clock)
    confirmed = UtcField(null=True)
    erased = UtcField(null=True)

    class Meta:
        indexes = ((("device", "plan"), True),)


class RenderedPage(BaseModel):
    """A page as every reader gets it: per plan (or nursery), kind and language; gzipped, sealed."""

    data_key = ForeignKeyField(
        DataKey, column_name="key_id", object_id_name="data_key_id", on_delete="CASCADE"
    )
    owner = UUIDField()  # a Plan or a Nursery
    kind = CharField()
    language = CharField(max_length=2)
    build = CharField()
    version = IntegerField(default=0)  # the PlanVersion it shows
    names = TextField(default="")  # of a pack: the hashes in it, so that no sync has to open it
    sha256 = CharField(max_length=64, index=True)
    sealed = BlobField()

    class Meta:
        indexes = ((("owner", "kind", "language"), True),)

    def read(self) -> bytes:
        DataKey.open_all([self.data_key_id])
        return sealing.unseal(bytes(self.sealed), self.data_key_id, self.about)

    @property
    def about(self) -> str:
        return f"rendered_page:{self.owner}:{self.kind}:{self.language}"


class Audit(BaseModel):
    """Openings, acts and refusals. Ids only; triggers refuse to change or delete a row."""

    person = UUIDField(null=True)
    device = UUIDField(null=True)
    action = CharField()
    about = UUIDField(null=True)
    child = UUIDField(null=True, index=True)
    outcome = CharField(default="done")

    @classmethod
    def note(cls, actor: "Actor", action: str, about: UUID | None = None, **more: Any) -> None:
        device_id = actor.device.id if actor.device else None
        cls.create(person=actor.person_id, device=device_id, action=action, about=about, **more)

    @classmethod
    def note_reading(cls, actor: "Actor", action: str, about: UUID, child: UUID) -> None:
        """A full disk keeps nobody from reading: then the log has the opening."""
        try:
            cls.note(actor, action, about, child=child)
        except OperationalError:
            log.error("not in the audit: %s %s by %s", action, about, actor.person_id)


# ── who acts ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Actor:
    """Who is asking: a person, a device, both or nobody. Rights are the union of the two."""

    person: Person | None = None
    device: Device | None = None

    def __bool__(self) -> bool:
        return self.person is not None or (self.device is not None and self.device.is_active)

    @property
    def person_id(self) -> UUID | None:
        return self.person.id if self.person else None

    @property
    def scope_id(self) -> UUID:
        """Never NULL: `person IS NULL` would match the staff rows of people without an account."""
        return self.person_id or UUID(int=0)

    @property
    def is_nurse(self) -> bool:
        return self.person is not None and self.person.is_nurse

    @property
    def staffed(self) -> list[UUID]:
        """Nurseries where the person works. Ids, not a query: nested queries cost more to write
        than to run."""
        return [job.nursery_id for job in self.places]

    @property
    def managed(self) -> list[UUID]:
        return [job.nursery_id for job in self.places if job.role == StaffRole.MANAGER]

    @property
    def nurseries(self) -> list[UUID]:
        """Nurseries the actor belongs to, through the person's work or the device."""
        device = self.device
        here = [device.nursery_id] if device and device.nursery_id and device.is_active else []
        return [*self.staffed, *here]

    @property
    def family(self) -> "Actor | None":
        """Of a guardian's own phone: the guardian, for what that person's children are."""
        device = self.device
        own = device and device.kind == DeviceKind.FAMILY and device.is_active
        return Actor(device.person) if own else None

    @cached_property
    def places(self) -> list[Staff]:
        """The person's running jobs, read once a request: scopes, menus and the first page."""
        if self.person is None:
            return []
        jobs = Staff.running().where(Staff.person == self.person_id)
        return list(jobs.order_by(Staff.created))

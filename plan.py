"""The plan's document, its drafts, versions and checks. The paper's words are kept word by word."""

import base64
import json
import secrets
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from peewee import IntegrityError

import phrases
import sealing
from database import DomainError, Sealed, db
from models import (
    Blob,
    Check,
    Child,
    Draft,
    Grant,
    Guardian,
    Person,
    Plan,
    PlanMode,
    PlanState,
    PlanVersion,
    Scan,
    ScanPage,
    Signature,
)

SIGNED_AS = "kannerplang-plan-1"
SCAN_PAGES = 12
STANDINGS = ("current", "stopped", "replaced", "unknown")  # of a print; the first that is true
LINES = 1000  # of a whole plan: more than any paper has


class Condition(StrEnum):
    ALLERGY = "allergy"
    ASTHMA = "asthma"
    EPILEPSY = "epilepsy"
    FEBRILE_SEIZURES = "febrile-seizures"
    DIABETES = "diabetes"
    OTHER = "other"


class Severity(StrEnum):
    SEVERE = "severe"
    MODERATE = "moderate"
    NONE = "none"  # an everyday state (a green zone) or signs that ask for no act


class Rule(StrEnum):
    ANY = "any"
    ALL = "all"
    UNSET = ""


class Answer(StrEnum):
    """A box on the paper. Unset is an answer: it is not on the paper."""

    YES = "yes"
    NO = "no"
    UNSET = ""


# Boxes that some forms have; never ticked by us.
SWITCHES = {
    Condition.ALLERGY: ("asthma-too", "act-on-exposure", "severe-without-mild", "doubt-is-severe"),
    Condition.ASTHMA: ("doubt-is-severe",),
    Condition.EPILEPSY: ("doubt-is-severe",),
    Condition.FEBRILE_SEIZURES: ("doubt-is-severe",),
    Condition.DIABETES: ("doubt-is-severe",),
    Condition.OTHER: ("doubt-is-severe",),
}
ALWAYS = ("act-without-parents",)


# What a list of lines is to the catalogue of phrases.
USES = {
    "signs": "sign",
    "usual": "sign",
    "remarks": "sign",
    "steps": "step",
    "after": "step",
    "donts": "dont",
    "allergens": "cause",
    "hidden-names": "cause",
    "triggers": "cause",
    "when": "how",
    "how": "how",
    "repeat": "how",
    "vomited": "how",
    "given-by": "how",
    "precautions": "how",
    "cross": "step",
    "storage": "place",
    "kit": "place",
    "equipment": "place",
}


def use_of(name: str) -> str:
    """How the catalogue calls the lines of a list; what concerns the day is the rest."""
    return USES.get(name, "day")


# ── the document ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Line:
    """One line of the paper: its words in their language, split where known phrases stand in it."""

    lang: str
    parts: tuple[phrases.Part, ...]

    @classmethod
    def of(cls, text: str, lang: str, use: str | None = None) -> Self:
        if lang not in phrases.LANGUAGES:
            return cls.as_written(text, lang)
        return cls(lang, phrases.recognise(text.strip(), lang, use and use_of(use)))

    @classmethod
    def as_written(cls, text: str, lang: str) -> Self:
        return cls(lang, (phrases.Part(text.strip()),))

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(data["lang"], tuple(phrases.Part(**part) for part in data["parts"]))

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def is_phrase(self) -> bool:
        """Whether all of it is known."""
        return all(part.phrase for part in self.parts)

    @property
    def meant(self) -> tuple[phrases.Part, ...]:
        """The sentences that a person chose because they mean the same."""
        return tuple(part for part in self.parts if part.meant)


Lines = tuple[Line, ...]


@dataclass(frozen=True)
class Listed:
    """Something with named lists of lines: every list on a plan is typed, moved and shown alike."""

    LISTS: ClassVar[tuple[str, ...]] = ()
    lists: Mapping[str, Lines] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        known = {f.name for f in fields(cls)} - {"lists", *cls.nested()}
        nested = {
            name: tuple(kind.read(item) for item in data.get(name, ()))
            for name, kind in cls.nested().items()
        }
        lists = {
            name: tuple(Line.read(line) for line in data["lists"][name])
            for name in cls.LISTS
            if data.get("lists", {}).get(name)
        }
        return cls(**{k: v for k, v in data.items() if k in known}, **nested, lists=lists)

    @classmethod
    def nested(cls) -> Mapping[str, type["Listed"]]:
        return {}

    def lines(self, name: str) -> Lines:
        return self.lists.get(name, ())


@dataclass(frozen=True)
class SignGroup(Listed):
    LISTS = ("signs", "remarks", "steps")
    severity: str = Severity.SEVERE
    title: str = ""
    rule: str = Rule.UNSET


@dataclass(frozen=True)
class Sheet(Listed):
    LISTS = (
        *("allergens", "hidden-names", "triggers", "usual", "history", "thresholds"),
        *("donts", "after"),
    )
    condition: str = Condition.OTHER
    title: str = ""
    switches: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[SignGroup, ...] = ()

    @classmethod
    def nested(cls) -> Mapping[str, type[Listed]]:
        return {"groups": SignGroup}

    @property
    def boxes(self) -> tuple[str, ...]:
        return SWITCHES[Condition(self.condition)] + ALWAYS


@dataclass(frozen=True)
class Medicine(Listed):
    """As prescribed. Name, strength, dose and route are shown letter by letter, never computed."""

    LISTS = ("when", "how", "repeat", "vomited", "given-by", "storage", "precautions")
    name: str = ""
    substance: str = ""  # where the paper gives a brand and what is in it
    form: str = ""
    strength: str = ""
    dose: str = ""
    route: str = ""
    daily: bool = False
    spare: str = Answer.UNSET  # may the crèche's own pen or inhaler be used?
    prescribed: str = ""  # the prescription and how long it holds, as written


@dataclass(frozen=True)
class Content(Listed):
    """The clinical part of a plan. Dates are ISO text or empty; empty is "not on the paper"."""

    LISTS = (
        *("review", "cross", "kit"),
        *("meals", "timetable", "activities", "sleep", "outings", "care"),
        *("equipment", "carers", "needs", "responsible", "tell", "notes"),
    )
    language: str = ""
    edition: str = ""  # the code printed on the form
    renewal: str = ""  # "first", "renewal" or not on the paper
    valid_from: str = ""
    valid_until: str = ""
    indefinite: bool = False
    review_on: str = ""
    sheets: tuple[Sheet, ...] = ()
    medicines: tuple[Medicine, ...] = ()

    @classmethod
    def nested(cls) -> Mapping[str, type[Listed]]:
        return {"sheets": Sheet, "medicines": Medicine}

    @property
    def conditions(self) -> tuple[str, ...]:
        return tuple(sheet.condition for sheet in self.sheets)

    @property
    def is_guided(self) -> bool:
        """Whether anything was typed from the paper beyond its frame."""
        typed = any(sheet.groups or sheet.switches for sheet in self.sheets)
        return typed or bool(self.medicines) or any(True for _ in walk(self))

    def canonical(self) -> str:
        return canonical(asdict(self))


def canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def walk(content: Content) -> Iterator[tuple[str, str, Lines]]:
    """Every filled list in the order of the page: its path, its name, its lines."""
    for n, sheet in enumerate(content.sheets):
        yield from _sheet(sheet, f"sheets.{n}.")
    for n, medicine in enumerate(content.medicines):
        yield from _filled(medicine, f"medicines.{n}.", medicine.LISTS)
    yield from _filled(content, "", content.LISTS)


def _sheet(sheet: Sheet, path: str) -> Iterator[tuple[str, str, Lines]]:
    """What to know, then what to see and do, then what not to do and what comes after."""
    yield from _filled(sheet, path, sheet.LISTS[:-2])
    for n, group in enumerate(sheet.groups):
        yield from _filled(group, f"{path}groups.{n}.", group.LISTS)
    yield from _filled(sheet, path, sheet.LISTS[-2:])


def _filled(owner: Listed, path: str, names: Iterable[str]) -> Iterator[tuple[str, str, Lines]]:
    for name in names:
        if owner.lines(name):
            yield path + name, name, owner.lines(name)


def at(content: Content, path: str) -> Listed:
    """What stands at `path`: the document itself, a sheet, a group or a medicine."""
    thing: Listed = content
    keys = iter(path.split(".") if path else ())
    for name in keys:  # paths come from addresses: no other attribute, no negative index
        things = getattr(thing, name) if name in thing.nested() else ()
        index = next(keys, "")
        if not (index.isdecimal() and len(index) < 4 and int(index) < len(things)):
            raise DomainError("no-such-list")
        thing = things[int(index)]
    return thing


def with_thing(content: Content, path: str, thing: Listed) -> Content:
    """The same document with `thing` at `path`."""
    if not path:
        return thing
    among, _, index = path.rpartition(".")
    things = list(things_at(content, among))
    things[int(index)] = thing
    return with_things(content, among, things)


def things_at(content: Content, path: str) -> tuple[Listed, ...]:
    """The sheets, groups or medicines at `path`."""
    owner, _, name = path.rpartition(".")
    if name not in at(content, owner).nested():
        raise DomainError("no-such-list")
    return getattr(at(content, owner), name)


def with_things(content: Content, path: str, things: Iterable[Listed]) -> Content:
    """The same document with these, in this order, at `path`."""
    things_at(content, path)
    owner, _, name = path.rpartition(".")
    return with_thing(content, owner, replace(at(content, owner), **{name: tuple(things)}))


def lines_at(content: Content, path: str) -> Lines:
    """The lines of the list at `path`; raises DomainError when the document has no such list."""
    owner, _, name = path.rpartition(".")
    if name not in at(content, owner).LISTS:
        raise DomainError("no-such-list")
    return at(content, owner).lines(name)


def with_lines(content: Content, path: str, lines: Lines) -> Content:
    """The same document with other lines at `path`."""
    lines_at(content, path)
    owner, _, name = path.rpartition(".")
    lists = {**at(content, owner).lists, name: lines}
    kept = {name: lines for name, lines in lists.items() if lines}
    return with_thing(content, owner, replace(at(content, owner), lists=kept))


def in_language(content: Content, language: str) -> Content:
    """The paper is in another language than was said: its lines are read again in the right one."""
    before, content = content.language, replace(content, language=language)
    for path, name, lines in walk(content):
        again = tuple(
            Line.of(line.text, language, name) if line.lang == before else line for line in lines
        )
        content = with_lines(content, path, again)
    return content


def no_longer_meant(before: Content, after: Content) -> list[str]:
    """The words that had a sentence chosen for them, and have it no more."""
    had, has = (
        Counter(line.text for _p, _n, lines in walk(content) for line in lines if line.meant)
        for content in (before, after)
    )
    return list((had - has).elements())


def mark(content: Content, path: str) -> str:
    """Changes when what stands at `path` changes: two tabs or two guardians are held apart by it.

    A list's mark covers its lines, a thing's its own fields; both, the things around them.
    """
    way = path.split(".") if path else []
    around = [plain_fields(at(content, ".".join(way[:n]))) for n in range(2, len(way) + 1, 2)]
    own = [asdict(line) for line in lines_at(content, path)] if len(way) % 2 else None
    root = None if way else plain_fields(content)
    return sealing.digest(json.dumps([root, around, own], sort_keys=True)).hex()[:16]


def mark_all(content: Content, path: str) -> str:
    """As `mark`, of a thing and everything in it."""
    return sealing.digest(json.dumps(asdict(at(content, path)), sort_keys=True)).hex()[:16]


def plain_fields(thing: Listed) -> dict[str, Any]:
    apart = {"lists", *thing.nested()}
    return {f.name: getattr(thing, f.name) for f in fields(thing) if f.name not in apart}


# ── reading it in another language ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Piece:
    words: str
    lang: str
    as_written: bool


@dataclass(frozen=True)
class Reading:
    """A line for a reader: its pieces, and the paper's words when any piece is a translation."""

    pieces: tuple[Piece, ...]
    original: str  # "" when the pieces are the words of the paper
    lang: str
    draft: bool
    icon: str
    meant: bool = False  # a person chose a sentence for it: the words may say it otherwise

    @property
    def untranslated(self) -> bool:
        """Nothing of it could be shown in the reader's language."""
        return not self.original and all(piece.as_written for piece in self.pieces)


def reading(line: Line, lang: str, checked: Container[str] = ()) -> Reading:
    """How a line reads in `lang`. Its own words where it is in that language or no phrase fits.

    `checked` are the phrases whose translation a health professional has signed off.
    """
    known = [phrases.catalogue()[part.phrase] for part in line.parts if part.phrase]
    icon = known[0].icon if known else ""
    if lang == line.lang or not known:
        written = lang != line.lang
        return Reading((Piece(line.text, line.lang, written),), "", line.lang, False, icon)
    draft = any(phrase.id not in checked for phrase in known)
    pieces = tuple(_pieces(line, lang))
    return Reading(pieces, line.text, line.lang, draft, icon, bool(line.meant))


def _pieces(line: Line, lang: str) -> Iterator[Piece]:
    """The shown line cut at its parts; separators stay as typed, joined they are the line."""
    so_far = ""
    for n, part in enumerate(line.parts, start=1):
        shown = phrases.line(line.parts[:n], lang)
        words, so_far = shown[len(so_far) :], shown
        as_written = not part.phrase and any(sign.isalnum() for sign in words)
        yield Piece(words, line.lang if as_written else lang, as_written)


# ── drafts ───────────────────────────────────────────────────────────────────────────────────────


def start(child: Child) -> Plan:
    """The child's plan, made when there is none."""
    salt = {"salt": secrets.token_bytes(16)}
    plan, _made = Plan.get_or_create(child=child, defaults=salt)
    return plan


def draft_of(plan: Plan, author: Person) -> Draft:
    """What is being written, begun when nothing is."""
    draft = Draft.get_or_none(Draft.plan == plan)
    if draft is None:
        try:
            with db.atomic():
                draft = new_draft(plan, author)
                draft.save(force_insert=True)
        except IntegrityError:  # the other guardian began it at the same moment
            draft = Draft.get(Draft.plan == plan)
    return draft


def new_draft(plan: Plan, author: Person) -> Draft:
    """A draft, not saved: looking at the editor begins nothing.

    It starts from what waits for its check, so that nothing is typed twice, else from what is in
    force, or was until the plan was stopped.
    """
    base = waiting(plan) or last_in_force(plan)
    draft = Draft(plan=plan, data_key=plan.child.data_key_id, author=author)
    draft.base_no, draft.scan = (base.no, base.scan_id) if base else (0, None)
    draft.content = base.content if base else asdict(Content())
    return draft


def content_of(row: Draft | PlanVersion) -> Content:
    return Content.read(row.content or {})


def revise(draft: Draft, revision: int, content: Content, author: Person) -> None:
    """Save what was written on top of `revision`; nobody's change in between is overwritten."""
    if sum(len(lines) for _path, _name, lines in walk(content)) > LINES:
        raise DomainError("too-many-things")
    with db.atomic():
        won = (
            Draft.update(revision=Draft.revision + 1, author=author)
            .where(Draft.id == draft.id, Draft.revision == revision)
            .execute()
        )
        if not won:
            raise DomainError("draft-changed-meanwhile")
        draft.revision = revision + 1
        draft.author = author
        draft.content = asdict(content)
        draft.save()


def keep_scan(draft: Draft, pages: list[bytes], by: Person) -> Scan:
    """A new set of pages (grey JPEG, re-encoded by the caller) becomes the draft's paper."""
    if not pages:
        raise DomainError("scan-without-pages")
    if len(pages) > SCAN_PAGES:
        raise DomainError("scan-with-too-many-pages")
    key, before = draft.data_key_id, draft.scan_id
    with db.atomic():
        scan = Scan.create(plan=draft.plan_id, data_key=key, made_by=by)
        for rank, page in enumerate(pages):
            ScanPage.create(scan=scan, rank=rank, blob=Blob.keep(page, key))
        base = last_in_force(draft.plan)
        if before and before != (base and base.scan_id):
            _copy_signatures(before, scan)
        draft.scan = scan
        draft.save()
    return scan


def _copy_signatures(before: UUID, scan: Scan) -> None:
    """The same paper photographed again keeps what was typed; one after a plan in force is new."""
    for row in Sealed.open_all(Signature.select().where(Signature.scan == before)):
        Signature.create(scan=scan, rank=row.rank, data_key=row.data_key_id, **row.secrets)


# ── versions ─────────────────────────────────────────────────────────────────────────────────────


def submit(draft: Draft, author: Person, now: datetime) -> PlanVersion:
    """Freeze the draft as the next version, waiting to be compared with the signed paper."""
    content = content_of(draft)
    if draft.scan_id is None:
        raise DomainError("submitted-without-scan")
    if not content.sheets:
        raise DomainError("submitted-without-condition")
    mode = PlanMode.GUIDED if content.is_guided else PlanMode.SCAN
    with db.atomic():
        if before := waiting(draft.plan):
            move(before, PlanState.SUBMITTED, PlanState.REPLACED)
        frame = {"mode": mode, "scan": draft.scan_id, "code": print_code(draft.plan, content)}
        version = append(draft.plan, author, now, asdict(content), **frame)
        Draft.delete().where(Draft.id == draft.id).execute()
        Plan.touch(draft.plan.child_id)
    return version


def append(
    plan: Plan, author: Person, now: datetime, content: dict[str, Any], **more: Any
) -> PlanVersion:
    """The next version: signed, and chained to the one before."""
    last = plan.versions.order_by(PlanVersion.no.desc()).first()
    version = PlanVersion(
        id=uuid4(),
        plan=plan,
        no=last.no + 1 if last else 1,
        data_key=plan.child.data_key_id,
        author=author,
        created=now.replace(microsecond=0),
        prev_hash=last.hash if last else "",
        **more,
    )
    version.content = content
    version.hash = fingerprint(version)
    version.signature = sealing.sign(SIGNED_AS, version.hash.encode())
    try:
        version.save(force_insert=True)
    except IntegrityError:  # another one took this number at the same moment
        raise DomainError("version-already-answered") from None
    return version


def fingerprint(version: PlanVersion) -> str:
    """SHA-256 over the words, the version's frame, the pages of its scan and the version before."""
    pages = ScanPage.select(Blob.sha256).join(Blob).where(ScanPage.scan == version.scan_id)
    frame = {
        "plan": str(version.plan_id),
        "no": version.no,
        "mode": version.mode,
        "author": str(version.author_id),
        "created": version.created.astimezone(UTC).isoformat(),
        "content": canonical(version.content),  # as it was kept: later code has other fields
        "scan": [sha for (sha,) in pages.order_by(ScanPage.rank).tuples()],
        "before": version.prev_hash,
    }
    return sealing.digest(json.dumps(frame, sort_keys=True)).hex()


def print_code(plan: Plan, content: Content) -> str:
    """Eight letters for this very text: the same on its draft, on the paper that comes back signed
    and on every print. The plan's salt makes them unguessable."""
    text = json.dumps(_written(content), ensure_ascii=False, sort_keys=True)
    return base64.b32encode(sealing.digest(bytes(plan.salt) + text.encode())[:5]).decode()


def _written(value: Any) -> Any:
    """What stands on the paper: of a line its words, however they are understood; no empty field,
    so that a field which a later release adds changes no code."""
    if isinstance(value, Line):
        return value.text
    if isinstance(value, Listed):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return {name: kept for name, part in value.items() if (kept := _written(part))}
    return [_written(part) for part in value] if isinstance(value, tuple | list) else value


def give_codes() -> None:
    """To versions from before prints carried one."""
    for version in PlanVersion.select().where(PlanVersion.code.is_null()):
        code = print_code(version.plan, content_of(version))
        PlanVersion.update(code=code).where(PlanVersion.id == version.id).execute()


def standing(code: str) -> str:
    """Whether a print with this code is what applies now: current, replaced, stopped or unknown.
    A text that was never in force is as unknown as one that does not exist."""
    shown = PlanVersion.alias()
    rows = (
        PlanVersion.select(PlanVersion.id, PlanVersion.state, shown.id, shown.state)
        .join(Plan)
        .join(shown, on=(Plan.current == shown.id))
        .where(PlanVersion.code == code)
        .tuples()
    )
    states = [_standing(*row) for row in rows]
    return min(states, key=STANDINGS.index, default=STANDINGS[-1])


def _standing(version_id: UUID, state: str, shown_id: UUID, shown_state: str) -> str:
    if shown_state == PlanState.STOPPED:
        return "stopped"
    if version_id == shown_id:
        return "current"
    return "replaced" if state == PlanState.REPLACED else "unknown"


def move(version: PlanVersion, old: PlanState, new: PlanState, **more: Any) -> None:
    """Change the state, once: two people may press at the same moment."""
    won = (
        PlanVersion.update(state=new, **more)
        .where(PlanVersion.id == version.id, PlanVersion.state == old)
        .execute()
    )
    if not won:
        raise DomainError("version-already-answered")
    version.state = new


def may_check(version: PlanVersion, person: Person) -> bool:
    """A second person: never the author, never a guardian of the child."""
    if version.author_id == person.id:
        return False
    child_id = version.plan.child_id
    return (
        not Guardian.running().where(Guardian.child == child_id, Guardian.person == person).exists()
    )


def put_in_force(
    version: PlanVersion, checker: Person, findings: Mapping[str, str], now: datetime
) -> None:
    """The version before it is replaced at this moment, not earlier."""
    if not may_check(version, checker):
        raise DomainError("checked-by-author-or-guardian")
    with db.atomic():
        move(version, PlanState.SUBMITTED, PlanState.IN_FORCE, checker=checker, checked=now)
        _record(version, checker, findings, "", passed=True)
        plan = version.plan
        if plan.current and plan.current.state != PlanState.STOPPED:
            move(plan.current, PlanState.IN_FORCE, PlanState.REPLACED)
        Plan.update(current=version).where(Plan.id == plan.id).execute()
        Plan.touch(plan.child_id)


def refuse(
    version: PlanVersion,
    checker: Person,
    findings: Mapping[str, str],
    remark: str,
    now: datetime,
) -> None:
    """It does not say what the paper says: back to the family, as a draft with the remarks."""
    if not may_check(version, checker):
        raise DomainError("checked-by-author-or-guardian")
    with db.atomic():
        move(version, PlanState.SUBMITTED, PlanState.REFUSED, checker=checker, checked=now)
        _record(version, checker, findings, remark, passed=False)
        if not Draft.select().where(Draft.plan == version.plan_id).exists():
            Draft.create(
                plan=version.plan_id,
                data_key=version.data_key_id,
                author=version.author,
                base_no=version.no,
                scan=version.scan,
                content=version.content,
            )
        Plan.touch(version.plan.child_id)


def _record(
    version: PlanVersion, by: Person, findings: Mapping[str, str], remark: str, *, passed: bool
) -> None:
    check = Check(version=version, by=by, passed=passed, data_key=version.data_key_id)
    check.findings, check.remark = dict(findings), remark
    check.save(force_insert=True)


def waiting(plan: Plan) -> PlanVersion | None:
    """The version that waits for its check, if any."""
    return PlanVersion.get_or_none(
        PlanVersion.plan == plan, PlanVersion.state == PlanState.SUBMITTED
    )


def last_in_force(plan: Plan) -> PlanVersion | None:
    """What is in force, or was until the plan was stopped."""
    if plan.current is None or plan.current.state != PlanState.STOPPED:
        return plan.current
    checked = plan.versions.where(
        PlanVersion.state == PlanState.REPLACED, PlanVersion.checked.is_null(False)
    )
    return checked.order_by(PlanVersion.no.desc()).first()


def faults(plan_id: UUID, current_id: UUID | None, versions: list[PlanVersion]) -> Iterator[str]:
    """What is wrong with a plan's chain of versions, the oldest first."""
    before, expected = "", 1
    for version in versions:
        if version.no != expected:
            yield f"missing: plan {plan_id} version {expected}"
        if not _is_sound(version, before):
            yield f"broken: plan {plan_id} version {version.no}"
        before, expected = version.hash, version.no + 1
    took_effect = [row.id for row in versions if _took_effect(row)]
    if current_id != (took_effect[-1] if took_effect else None):
        yield f"not current: plan {plan_id} shows another version than the newest checked one"


def _is_sound(version: PlanVersion, before: str) -> bool:
    signers = sealing.signers()
    signature = bytes(version.signature)
    try:
        return (
            fingerprint(version) == version.hash
            and before == version.prev_hash
            and any(
                sealing.verify(key, SIGNED_AS, version.hash.encode(), signature) for key in signers
            )
        )
    except sealing.SealBroken:
        return False


def _took_effect(version: PlanVersion) -> bool:
    passed = version.checked is not None and version.state != PlanState.REFUSED
    return passed or version.state == PlanState.STOPPED


# ── sharing ──────────────────────────────────────────────────────────────────────────────────────


def offer(child: Child, nursery_id: UUID, by: Person, until: date | None = None) -> Grant:
    """Offer the plan to a nursery; offering twice gives the same grant."""
    with db.atomic():
        here = Grant.child == child, Grant.nursery == nursery_id
        same = Grant.get_or_none(*here, Grant.is_open())
        return same or Grant.create(child=child, nursery=nursery_id, offered_by=by, until=until)


def accept(grant: Grant, room_id: UUID | None, by: Person, now: datetime) -> None:
    _answer(grant, room=room_id, accepted=now, accepted_by=by)


def decline(grant: Grant, now: datetime) -> None:
    _answer(grant, refused=now)


def _answer(grant: Grant, **answer: Any) -> None:
    with db.atomic():
        if not Grant.update(**answer).where(Grant.id == grant.id, Grant.is_offered()).execute():
            raise DomainError("grant-already-answered")
        Plan.touch(grant.child_id)


def stop_sharing(grant: Grant, by: Person, now: datetime) -> None:
    """Copies show "ended" at the next contact; erased once the child left, or after 72 h."""
    with db.atomic():
        ended = Grant.update(ended=now, ended_by=by)
        if not ended.where(Grant.id == grant.id, Grant.ended.is_null()).execute():
            raise DomainError("grant-already-ended")
        Plan.touch(grant.child_id)


def confirm_left(grant: Grant, now: datetime) -> None:
    with db.atomic():
        left = Grant.update(left=now).where(Grant.id == grant.id, Grant.left.is_null())
        if not left.execute():
            raise DomainError("grant-already-ended")
        Plan.touch(grant.child_id)


def set_last_day(grant: Grant, until: date | None) -> None:
    """Of a grant that is offered or runs; one that has ended is made anew, not prolonged."""
    with db.atomic():
        if not Grant.update(until=until).where(Grant.id == grant.id, Grant.is_open()).execute():
            raise DomainError("grant-already-ended")
        Plan.touch(grant.child_id)

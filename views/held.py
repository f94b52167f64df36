"""The pages that devices hold: the same bytes for every reader, whoever asks and on every day."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from flask import g, render_template
from flask_babel import force_locale
from flask_babel import gettext as _

import services
from database import Sealed, local, today
from endings import stop_of
from models import (
    Actor,
    Blob,
    Child,
    Contact,
    ContactKind,
    Device,
    DeviceKind,
    Grant,
    KitUnit,
    Nursery,
    Plan,
    PlanMode,
    PlanState,
    PlanVersion,
    Room,
    ScanPage,
    Signature,
)
from offline import Owner
from plan import (
    Content,
    Line,
    Listed,
    Reading,
    Severity,
    Sheet,
    SignGroup,
    content_of,
    reading,
    waiting,
)
from remarks import DoctorReading, Note
from shelf import PlacePhoto, gaps, shelf
from signoffs import SignOff
from views import headings, words
from views.board import board_context
from views.rendering import LANGUAGE_NAMES, LOCALES, day, language_name, number, plain

CALL_LANGUAGES = ("lb", "fr", "de", "en")  # what every operator of 112 speaks
DAILY = ("meals", "timetable", "activities", "sleep", "outings", "care")
AROUND = ("equipment", "carers", "needs", "responsible", "tell", "notes")
SWITCH = [(code, LANGUAGE_NAMES[code]) for code in LOCALES]
STOPPABLE = ("plan", "emergency")
GRAVEST_FIRST = (Severity.SEVERE, Severity.MODERATE, Severity.NONE)


class Place(NamedTuple):
    """Where the child is cared for, as far as a page tells it."""

    name: str
    room: str
    address: str
    entrance: str
    phone: str


class Said(NamedTuple):
    """One line of the call: words to say aloud, or what the caller must add."""

    text: str
    aloud: bool = True
    more: tuple[Reading, ...] = ()
    given: bool = False  # the medicine given so far is told here


class Script(NamedTuple):
    lang: str
    name: str
    lines: tuple[Said, ...]


def render(kind: str, language: str, owner: Owner, **more: Any) -> str:
    """One page as text, within an app context; pure but for the rows it reads."""
    name = "stopped" if kind in STOPPABLE and is_stopped(owner.current) else kind
    if isinstance(owner, Device) and owner.kind == DeviceKind.FAMILY:
        name = "family"
    with force_locale(LOCALES[language]):
        facts = {"language": language, "languages": SWITCH, "kind": kind}
        facts |= CONTEXTS[name](owner, language) | more
        page = render_template(f"held/{name}.html", **facts)
    return "\n".join(filter(None, map(str.strip, page.splitlines())))


def former(version: PlanVersion, language: str) -> str:
    """A version as its page was, for reading only. Photo, contacts and kit are those of today."""
    plan = version.plan
    plan.current = version  # of this object only: nothing is saved
    return render("plan", language, plan, former=True)


def is_stopped(version: PlanVersion) -> bool:
    return version.state == PlanState.STOPPED


# ── plan and emergency ───────────────────────────────────────────────────────────────────────────


def plan_page(plan: Plan, language: str, version: PlanVersion | None = None) -> dict[str, Any]:
    facts = plan_facts(plan, language, version)
    content = facts["content"]
    return facts | {
        "daily": tuple(name for name in (*DAILY, *AROUND) if content.lines(name)),
        "in_order": gravest_first,
        "boxes": boxes,
        "shelf": shelf(content.medicines, facts["units"]),
        "waiting": waiting(plan) is not None,
        "notes": Note.of(plan.child_id, today()),
        "compared_on": facts["version"].checked and local(facts["version"].checked).date(),
    }


def with_places(plan: Plan, language: str) -> dict[str, Any]:
    """On screens the kit's places have their photo; paper has no room for it."""
    return plan_page(plan, language) | {"place_photos": PlacePhoto.of(plan.id)}


def emergency_page(plan: Plan, language: str) -> dict[str, Any]:
    facts = plan_facts(plan, language)
    content = facts["content"]
    groups = [
        (f"sheets.{s}.groups.{n}", sheet, group)
        for s, sheet in enumerate(content.sheets)
        for n, group in enumerate(sheet.groups)
    ]
    beside = zip(content.medicines, shelf(content.medicines, facts["units"]), strict=True)
    return facts | {
        "groups": sorted(groups, key=lambda found: GRAVEST_FIRST.index(found[2].severity)),
        "medicines": [
            (f"medicines.{n}", medicine, units)
            for n, (medicine, units) in enumerate(beside)
            if not medicine.daily
        ],
        "ticked": ticked,
        "place_photos": PlacePhoto.of(plan.id),
        "alike": has_alike(plan.child),
        "second": as_text(facts["scripts"][0]),
    }


def stopped_page(plan: Plan, language: str) -> dict[str, Any]:
    """In place of both pages: since when and by whom, whom to call, what to say to 112."""
    return plan_facts(plan, language) | {
        "stop": stop_of(plan.current),
        "waiting": waiting(plan) is not None,
    }


def plan_facts(plan: Plan, language: str, version: PlanVersion | None = None) -> dict[str, Any]:
    """What both pages of a plan show, of the version in force or of another."""
    version, child = version or plan.current, plan.child
    content = content_of(version)
    contacts = Contact.of(child.id)
    places = places_of(child)
    units = KitUnit.of(plan.id)
    named = {unit.id for row in shelf(content.medicines, units) for unit in row}
    return {
        "plan": plan,
        "here": f"/plans/{plan.id}",
        "salt": bytes(plan.salt).hex(),
        "version": version,
        "content": content,
        "child": child,
        "places": places,
        "photo": child.photo and child.photo.sha256,
        "paper": content.language,
        "several_sheets": len(content.sheets) > 1,
        "scan_only": version.mode == PlanMode.SCAN,
        "scan": scan_of(version.scan_id),
        "signatures": signatures_of(version.scan_id),
        "readings": DoctorReading.of(version.id),
        "emergency": [c for c in contacts if c.kind == ContactKind.EMERGENCY],
        "questions": [c for c in contacts if c.kind == ContactKind.QUESTIONS],
        "units": units,
        "other_units": [unit for unit in units if unit.id not in named],
        "gaps": gaps(content.medicines, units),
        "spoken": spoken,
        "scripts": scripts(child, content, places, language),
        **readers(language, content.language),
    }


def readers(language: str, paper: str) -> dict[str, Callable]:
    """How templates read lines: in the reader's language, and whether a translation is a draft."""

    checked = signed_off(language)

    def read(lines: Iterable[Line]) -> list[Reading]:
        return [headings.read(line, language, checked) for line in lines]

    def unchecked(owner: Listed, names: Iterable[str]) -> bool:
        titles = [read_title(owner.title)] if isinstance(owner, SignGroup) else []
        lines = [line for name in names for line in owner.lines(name)]
        return any(one.draft for one in (*read(lines), *titles))

    def read_title(title: str) -> Reading:
        return headings.read_title(title, paper, language)

    return {"read": read, "unchecked": unchecked, "read_title": read_title}


def signed_off(language: str) -> Mapping[str, SignOff]:
    """Asked once for all the plans of a binder."""
    known = g.setdefault("signed_off", {})
    if language not in known:
        known[language] = SignOff.standing(language)
    return known[language]


def spoken(languages: str) -> str:
    """Codes as names in the reader's language; a family's own words as they are."""
    return ", ".join(language_name(tag.strip()) for tag in languages.split(","))


def gravest_first(groups: Iterable[SignGroup]) -> list[SignGroup]:
    """Groups of one severity keep the order of the paper."""
    return sorted(groups, key=lambda group: GRAVEST_FIRST.index(group.severity))


def boxes(sheet: Sheet) -> tuple[str, ...]:
    """The boxes of a sheet from which something was typed; an empty sheet says nothing."""
    return sheet.boxes if sheet.groups or sheet.lists or ticked(sheet) else ()


def ticked(sheet: Sheet) -> tuple[str, ...]:
    return tuple(name for name in sheet.boxes if sheet.switches.get(name))


def places_of(child: Child) -> list[Place]:
    """The nurseries that hold the plan. A last day that has passed takes nothing off the page."""
    accepted = Grant.accepted.is_null(False) & Grant.ended.is_null()
    grants = (
        Grant.select(Grant, Nursery, Room.name.alias("room_name"))
        .join(Nursery)
        .switch(Grant)
        .join(Room, "LEFT JOIN", on=Grant.room == Room.id)
        .where(Grant.child == child, accepted)
        .order_by(Grant.accepted)
        .objects()
    )
    return [
        Place(n.name, grant.room_name or "", n.address, n.entrance, n.phone)
        for grant in grants
        for n in (grant.nursery,)
    ]


def has_alike(child: Child) -> bool:
    """Whether another child of its room is called nearly the same: only then a page asks."""
    rooms = Grant.select(Grant.room).where(Grant.child == child, Grant.is_running())
    beside = Grant.select(Grant.child).where(Grant.room.in_(rooms), Grant.is_running())
    others = Child.select().where(Child.id.in_(beside), Child.id != child.id)
    own = plain(child.first_name)
    return any(plain(other.first_name) == own for other in Sealed.open_all(others))


def scan_of(scan_id: UUID | None) -> list[str]:
    """The pages of the paper by their SHA-256, in order."""
    pages = ScanPage.select(Blob.sha256).join(Blob).where(ScanPage.scan == scan_id)
    return [sha for (sha,) in pages.order_by(ScanPage.rank).tuples()]


def signatures_of(scan_id: UUID | None) -> list[Signature]:
    rows = Signature.select().where(Signature.scan == scan_id)
    return Sealed.open_all(rows.order_by(Signature.rank, Signature.created))


# ── the board ────────────────────────────────────────────────────────────────────────────────────


def board_page(owner: Nursery | Device, language: str) -> dict[str, Any]:
    """A random id salts it: no hash of a board can be guessed back to its names."""
    return {"here": "/nursery", "salt": owner.id.hex} | board_context(owner, language)


def family_page(device: Device, language: str) -> dict[str, Any]:
    """What a guardian's own phone shows without a connection in place of the first page."""
    mine = Child.guarded_by(Actor(device.person))
    children = {child.id: child for child in Sealed.open_all(mine)}
    shown = Plan.child.in_(list(children)), Plan.current.is_null(False)
    plans = [(plan, children[plan.child_id]) for plan in Plan.select().where(*shown)]
    plans.sort(key=lambda pair: pair[1].name)
    return {"here": "/", "salt": device.id.hex, "plans": plans}


def another_page(owner: Nursery | Device, language: str) -> dict[str, Any]:
    """A child without a plan: what to say to 112, the entrance, a stopwatch and a log."""
    nursery = owner.nursery if isinstance(owner, Device) else owner
    place = Place(nursery.name, "", nursery.address, nursery.entrance, nursery.phone)
    scripts = tuple(other_script(place, code) for code in in_call_order(language))
    return {
        "here": "/nursery",
        "salt": owner.id.hex,
        "nursery": nursery,
        "scripts": scripts,
        "second": as_text(scripts[0]),
        "poison": services.by_slug("poison")["poison"],
    }


# ── what to say to 112 ───────────────────────────────────────────────────────────────────────────


def scripts(
    child: Child, content: Content, places: list[Place], language: str
) -> tuple[Script, ...]:
    return tuple(_script(child, content, places, code) for code in in_call_order(language))


def _script(child: Child, content: Content, places: list[Place], code: str) -> Script:
    with force_locale(LOCALES[code]):
        lines = (
            *_where(places),
            Said(_("It is an emergency with a child.")),
            Said(_("(Say what you see.)"), aloud=False),
            *(Said(_("You can call back: %(phone)s", phone=p.phone)) for p in places if p.phone),
            Said(_("(Say if the child is awake and if the child breathes.)"), aloud=False),
            Said(_who(child)),
            *(_known(sheet, content.language, code) for sheet in content.sheets),
            Said(_("(Say which medicine was given, and at what time.)"), aloud=False, given=True),
            Said(_("Somebody waits for you at the entrance.")),
        )
    return Script(code, LANGUAGE_NAMES[code], lines)


def other_script(place: Place, code: str) -> Script:
    """For a child without a plan: where, how to call back, and what the caller must say."""
    with force_locale(LOCALES[code]):
        lines = (
            *_where([place]),
            Said(_("It is an emergency with a child.")),
            Said(_("(Say what you see.)"), aloud=False),
            *([Said(_("You can call back: %(phone)s", phone=place.phone))] if place.phone else ()),
            Said(_("(Say if the child is awake and if the child breathes.)"), aloud=False),
            Said(_("(Say the child’s name and how old the child is.)"), aloud=False),
            Said(_("Somebody waits for you at the entrance.")),
        )
    return Script(code, LANGUAGE_NAMES[code], lines)


def in_call_order(language: str) -> tuple[str, ...]:
    """The reader's language first; operators answer in four languages, whatever the reader's."""
    return (language, *(code for code in CALL_LANGUAGES if code != language))


def as_text(script: Script) -> str:
    """The same words for a phone that reads a QR code."""
    return "\n".join(
        "; ".join((said.text, *("".join(p.words for p in r.pieces) for r in said.more)))
        for said in script.lines
    )


def _where(places: list[Place]) -> list[Said]:
    if not places:
        return [Said(_("(Say the exact address where you are.)"), aloud=False)]
    said = []
    for place in places:
        address = ", ".join(filter(None, (place.name, *place.address.splitlines())))
        said.append(Said(_("The address: %(address)s", address=address)))
        if place.entrance:
            said.append(Said(_("The entrance: %(entrance)s", entrance=place.entrance)))
    return said


def _who(child: Child) -> str:
    facts = [child.name]
    if child.born:
        facts.append(_("born %(day)s", day=day(child.born)))
    if child.weight:
        facts.append(f"{number(child.weight)} kg")
        if child.weighed_on:
            facts.append(_("weighed %(day)s", day=day(child.weighed_on)))
    return ", ".join(facts)


def _known(sheet: Sheet, paper: str, code: str) -> Said:
    """The condition, and the plan's own words for it, in this language where a phrase has it."""
    title = Line.as_written(sheet.title, paper or code)
    lines = (title, *sheet.lines("allergens")) if sheet.title else sheet.lines("allergens")
    said = _("The child has a plan for: %(condition)s", condition=words.CONDITIONS[sheet.condition])
    return Said(said, more=tuple(reading(line, code) for line in lines))


CONTEXTS: Mapping[str, Callable[[Any, str], dict[str, Any]]] = {
    "plan": with_places,
    "emergency": emergency_page,
    "stopped": stopped_page,
    "board": board_page,
    "another": another_page,
    "family": family_page,
}

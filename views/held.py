"""The pages that devices hold: the same bytes for every reader, whoever asks and on every day."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from flask import render_template
from flask_babel import force_locale
from flask_babel import gettext as _

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
    Medicine,
    Reading,
    Severity,
    Sheet,
    SignGroup,
    content_of,
    reading,
    waiting,
)
from remarks import DoctorReading, Note
from views import words
from views.board import board_context
from views.rendering import LANGUAGE_NAMES, LOCALES, day, language_name, number

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


def emergency_page(plan: Plan, language: str) -> dict[str, Any]:
    facts = plan_facts(plan, language)
    content = facts["content"]
    pairs = [(sheet, group) for sheet in content.sheets for group in sheet.groups]
    beside = zip(content.medicines, shelf(content.medicines, facts["units"]), strict=True)
    return facts | {
        "groups": sorted(pairs, key=lambda pair: GRAVEST_FIRST.index(pair[1].severity)),
        "medicines": [(medicine, units) for medicine, units in beside if not medicine.daily],
        "ticked": ticked,
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
        "spoken": spoken,
        "scripts": scripts(child, content, places, language),
        **readers(language),
    }


def readers(language: str) -> dict[str, Callable]:
    """How templates read lines: in the reader's language, and whether a translation is a draft."""

    def read(lines: Iterable[Line]) -> list[Reading]:
        return [reading(line, language) for line in lines]

    def unchecked(owner: Listed, names: Iterable[str]) -> bool:
        return any(reading(line, language).draft for name in names for line in owner.lines(name))

    return {"read": read, "unchecked": unchecked}


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


def shelf(medicines: Sequence[Medicine], units: Sequence[KitUnit]) -> list[list[KitUnit]]:
    """For each medicine the boxes whose label names it. The others stand in the kit's own list.

    A name is known by its first long word; one that another medicine has as well tells nothing.
    """
    rows = []
    for medicine in medicines:
        others = {
            word for m in medicines if m.name != medicine.name for word in _long_words(m.name)
        }
        first = next(iter(_long_words(medicine.name)), None)
        told = first is not None and first not in others
        rows.append([u for u in units if told and first in _long_words(u.label)])
    return rows


def _long_words(text: str) -> list[str]:
    return re.findall(r"\w{5,}", text.casefold())


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


# ── what to say to 112 ───────────────────────────────────────────────────────────────────────────


def scripts(
    child: Child, content: Content, places: list[Place], language: str
) -> tuple[Script, ...]:
    """The reader's language first; operators answer in four languages, whatever the reader's."""
    order = (language, *(code for code in CALL_LANGUAGES if code != language))
    return tuple(_script(child, content, places, code) for code in order)


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
            Said(_("(Say which medicine was given, and at what time.)"), aloud=False),
            Said(_("Somebody waits for you at the entrance.")),
        )
    return Script(code, LANGUAGE_NAMES[code], lines)


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
    "plan": plan_page,
    "emergency": emergency_page,
    "stopped": stopped_page,
    "board": board_page,
    "family": family_page,
}

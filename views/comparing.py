"""What a second person compares with the signed paper: every line and every fact, in its order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

import phrases
from models import Child, Contact, KitUnit, PlanMode, PlanVersion, Signature
from plan import Content, Line, Listed, Medicine, Reading, Sheet, SignGroup, content_of
from views import headings, held, words
from views.rendering import code, day, language_name, month_or_day, number

SAME = "same"
FINDINGS = {
    SAME: _l("Same"),
    "different": _l("Different"),
    "unreadable": _l("Unreadable"),
}


@dataclass(frozen=True)
class Row:
    """One thing to compare. `lang`: the language of the words, where they are the paper's."""

    key: str
    label: str
    text: str = ""
    lang: str = ""
    reading: Reading | None = None
    meant: str = ""  # the known sentences that the family chose for it


@dataclass(frozen=True)
class Part:
    title: str
    rows: tuple[Row, ...]


def parts_of(version: PlanVersion) -> list[Part]:
    """A scan-only plan is compared in four steps; of a typed one nothing is left out."""
    child, content = version.plan.child, content_of(version)
    contacts = Contact.of(child.id)
    if version.mode == PlanMode.SCAN:
        return [Part(_("Compare with the paper"), tuple(_scanned(child, content, contacts)))]
    units = KitUnit.of(version.plan_id)
    parts = [
        Part(_("The child"), tuple(_child(child))),
        Part(_("The paper"), tuple(_frame(content))),
        *_sheets(content),
        *_medicines(content),
        Part(words.LISTS["kit"], (*_lists(content, "", ("kit",)), *map(_unit, units))),
        Part(words.LISTS["cross"], tuple(_lists(content, "", ("cross",)))),
        Part(_("Every day"), tuple(_lists(content, "", (*held.DAILY, *held.AROUND)))),
        Part(_("Contacts"), tuple(map(_contact, contacts))),
        Part(_("Signatures"), tuple(map(_signature, held.signatures_of(version.scan_id)))),
        Part(_("The whole paper"), tuple(_whole())),
    ]
    return [part for part in parts if part.rows]


def rows_of(parts: Iterable[Part]) -> list[Row]:
    return [row for part in parts for row in part.rows]


def _scanned(child: Child, content: Content, contacts: list[Contact]) -> Iterator[Row]:
    conditions = (str(words.CONDITIONS[sheet.condition]) for sheet in content.sheets)
    facts = (child.name, child.born and day(child.born), ", ".join(conditions))
    yield Row("child", _("It is the paper of this child"), _joined(facts))
    yield Row("readable", _("Every page is there and can be read"))
    called = "; ".join(_joined((c.name, *c.phones)) for c in contacts)
    yield Row("contacts", _("The contacts match the paper"), called or _("nobody is entered"))
    yield Row("dates", _("The dates match the paper"), _dates(content))


def _dates(content: Content) -> str:
    named = (
        (_("valid from"), day(content.valid_from)),
        (_("valid until"), _until(content)),
        (_("to be reviewed on"), day(content.review_on)),
    )
    return _joined(f"{label} {value or words.ANSWERS['']}" for label, value in named)


def _until(content: Content) -> str:
    return _("no end date") if content.indefinite else day(content.valid_until)


def _child(child: Child) -> Iterator[Row]:
    yield Row("child.name", _("Name"), child.name)
    yield Row("child.born", _("Born on"), _or_unset(day(child.born)))
    weight = f"{number(child.weight)} kg" if child.weight else ""
    yield Row("child.weight", _("Weight"), _or_unset(_joined((weight, day(child.weighed_on)))))


def _frame(content: Content) -> Iterator[Row]:
    for n, sheet in enumerate(content.sheets):
        named = _joined((words.CONDITIONS[sheet.condition], sheet.title))
        yield Row(f"sheets.{n}", _("Condition"), named)
    facts = (
        ("language", _("Language of the paper"), language_name(content.language)),
        ("edition", _("Code of the form"), content.edition),
        ("renewal", _("Kind of plan"), words.RENEWALS[content.renewal]),
        ("valid_from", _("Valid from"), day(content.valid_from)),
        ("valid_until", _("Valid until"), _until(content)),
        ("review_on", _("To be reviewed on"), day(content.review_on)),
    )
    for key, label, value in facts:
        yield Row(key, label, _or_unset(value))
    yield from _lists(content, "", ("review",))


def _sheets(content: Content) -> Iterator[Part]:
    for n, sheet in enumerate(content.sheets):
        path, name = f"sheets.{n}", words.CONDITIONS[sheet.condition]
        before = tuple(name for name in sheet.LISTS if name not in ("donts", "after"))
        yield Part(name, (*_lists(sheet, path, before), *_boxes(sheet, path)))
        for g, group in enumerate(sheet.groups):
            yield _group(group, f"{path}.groups.{g}", content.language)
        yield Part(
            _("%(condition)s: not to do, and afterwards", condition=name),
            tuple(_lists(sheet, path, ("donts", "after"))),
        )


def _boxes(sheet: Sheet, path: str) -> Iterator[Row]:
    for box in held.boxes(sheet):
        answer = words.ANSWERS[sheet.switches.get(box, "")]
        yield Row(f"{path}.switches.{box}", words.SWITCHES[box], answer)


def _group(group: SignGroup, path: str, paper: str) -> Part:
    head = [
        Row(path, _("How severe"), str(words.SEVERITIES[group.severity])),
        Row(f"{path}.rule", _("How many of the signs"), str(words.RULES[group.rule])),
    ]
    if group.title:
        head.append(Row(f"{path}.title", _("Name of this group"), group.title, paper))
    title = _joined((words.SEVERITIES[group.severity], group.title))
    return Part(title, (*head, *_lists(group, path, group.LISTS)))


def _medicines(content: Content) -> Iterator[Part]:
    for n, medicine in enumerate(content.medicines):
        path = f"medicines.{n}"
        rows = (*_medicine(medicine, path, content.language),)
        yield Part(medicine.name or _("Medicine"), (*rows, *_lists(medicine, path, medicine.LISTS)))


def _medicine(medicine: Medicine, path: str, paper: str) -> Iterator[Row]:
    facts = (
        ("name", _("Name"), medicine.name),
        ("substance", _("What is in it"), medicine.substance),
        ("form", _("Form of the medicine"), medicine.form),
        ("strength", _("Strength"), medicine.strength),
        ("dose", _("Dose"), medicine.dose),
        ("route", _("Route"), medicine.route),
        ("prescribed", _("Prescription"), medicine.prescribed),
        ("spare", _("The crèche’s own one may be used"), words.ANSWERS[medicine.spare]),
    )
    for key, label, value in facts:
        yield Row(f"{path}.{key}", label, _or_unset(value), paper if value else "")
    if medicine.daily:
        yield Row(f"{path}.daily", _("When"), _("Every day"))


def _unit(unit: KitUnit) -> Row:
    facts = (
        unit.count and f"{unit.count} ×",
        unit.label,
        unit.expires and _("use by %(date)s", date=month_or_day(unit.expires)),
        unit.lot and _("lot %(lot)s", lot=unit.lot),
        unit.place,
        unit.note,
        unit.handed_in,
    )
    return Row(f"kit.{unit.id}", _("In the kit"), _joined(facts))


def _contact(contact: Contact) -> Row:
    facts = (
        contact.name,
        contact.relation,
        *contact.phones,
        contact.reach,
        held.spoken(contact.languages),
        contact.collects and _("May collect the child: %(days)s", days=contact.collects),
    )
    return Row(f"contact.{contact.id}", words.CONTACT_KINDS[contact.kind], _joined(facts))


def _signature(signature: Signature) -> Row:
    signed = day(signature.on) or _("has not signed yet")
    facts = (signature.name, signature.role, signed, signature.note)
    return Row(f"signature.{signature.id}", _("Signed"), _joined(facts))


def _whole() -> Iterator[Row]:
    yield Row("readable", _("Every page is there and can be read"))
    yield Row("complete", _("Nothing on the paper is missing here"))


def _lists(owner: Listed, path: str, names: Iterable[str]) -> Iterator[Row]:
    for name in names:
        for n, line in enumerate(owner.lines(name)):
            key = ".".join(filter(None, (path, name, str(n))))
            yield _line(key, f"{words.LISTS[name]}: {n + 1}", line)


def _line(key: str, label: str, line: Line) -> Row:
    """The words as typed from the paper; below them what a reader of another language gets."""
    shown = headings.read(line, code())
    meant = ", ".join(phrases.render(p.phrase, p.params, line.lang) for p in line.meant)
    return Row(key, label, line.text, line.lang, shown if shown.original else None, meant)


def _or_unset(value: Any) -> str:
    return str(value or words.ANSWERS[""])


def _joined(facts: Iterable[str | date | None]) -> str:
    return ", ".join(str(fact) for fact in facts if fact)

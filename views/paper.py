"""The pages of the editor: which part of the plan stands on each, and what was typed there."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from peewee import ModelSelect, fn
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, RadioField
from wtforms.validators import AnyOf, ValidationError

import plan as document
from database import DomainError, Sealed
from models import Draft, KitUnit, Signature
from plan import Content, Listed, Sheet, SignGroup
from views import held, words
from views.fields import Day, a_day, one_line, options, printed, required
from views.lines import LIST_LIMIT, TOGETHER, Box, Rows
from views.rendering import LANGUAGE_NAMES, day

PARTS = {
    "frame": _l("The paper itself"),
    "conditions": _l("What the plan is for"),
    "signs": _l("Signs and what to do"),
    "donts": _l("Not to do, and afterwards"),
    "medicines": _l("Medicine"),
    "kit": _l("Emergency kit"),
    "daily": _l("Every day"),
    "around": _l("Around the child"),
    "signatures": _l("Signatures"),
    "review": _l("Read it all once"),
}
INDEXES = ("conditions", "signs", "medicines", "signatures", "review")
# Lists that are not typed on the page of the thing they belong to.
ELSEWHERE = {"donts": "donts", "after": "donts", "cross": "donts", "review": "frame", "kit": "kit"}
ELSEWHERE |= dict.fromkeys(held.AROUND, "around")
ALLERGY_ONLY = ("allergens", "hidden-names")
PAPERS = {**LANGUAGE_NAMES, "und": _l("Another language")}


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


def one_of(label: Any, codes: dict[str, Any]) -> RadioField:
    known = AnyOf(list(codes), message=_l("Choose one of these."))
    return RadioField(
        label, choices=options(codes), default="", validate_choice=False, validators=[known]
    )


class FrameForm(FlaskForm):
    language = one_of(_l("In which language is the paper written?"), PAPERS)
    edition = one_line(_l("Code of the form, if it is printed there"), length=60)
    renewal = one_of(_l("First plan or renewal?"), words.RENEWALS)
    valid_from = a_day(_l("Valid from"))
    valid_until = a_day(_l("Valid until"))
    indefinite = BooleanField(_l("Without an end: the paper says so"))
    review_on = a_day(_l("To be reviewed on"))


class GroupForm(FlaskForm):
    severity = one_of(_l("How severe are these signs?"), words.SEVERITIES)
    title = one_line(_l("Name of this group, if the paper gives one"))
    rule = one_of(_l("How many of the signs must be seen?"), words.RULES)


class MedicineForm(FlaskForm):
    name = one_line(_l("Name, as written"), required())
    substance = one_line(_l("What is in it, if the paper says it apart from the name"))
    form = one_line(_l("Form, as written"))
    strength = one_line(_l("Strength, as written"))
    dose = one_line(_l("Dose, as written"))
    route = one_line(_l("How it is given, as written"))
    daily = BooleanField(_l("Given every day, not only in an emergency"))
    spare = one_of(_l("May the crèche’s own one be used?"), words.ANSWERS)
    prescribed = one_line(_l("The prescription, and how long it holds, as written"))


@cache
def sheet_form(boxes: tuple[str, ...]) -> type[FlaskForm]:
    """The boxes that forms for this condition have: none is ticked by us."""
    answers = {f"box:{box}": one_of(words.SWITCHES[box], words.ANSWERS) for box in boxes}
    title = one_line(_l("More precisely, if the paper says it"))
    return type("SheetForm", (FlaskForm,), {"title": title, **answers})


class KitUnitForm(FlaskForm):
    label = one_line(_l("What it is, as on the paper or the box"), required())
    count = one_line(_l("How many"))
    expires = one_line(_l("Use by, as printed"), printed)
    lot = one_line(_l("Lot number"))
    place = one_line(_l("Where it is kept"))
    note = one_line(_l("More about it, as on the paper"))
    handed_in = one_line(_l("Handed in by whom, and when"))


def dated_or_not(form: FlaskForm, field: Day) -> None:
    if bool(field.data) == bool(form.unsigned.data):
        raise ValidationError(_l("Give the date, or tick that it is not signed yet."))


class SignatureForm(FlaskForm):
    name = one_line(_l("Name, as on the paper"), required())
    role = one_line(_l("Who this is: parent, doctor, crèche"))
    on = a_day(_l("Signed on"), dated_or_not)
    unsigned = BooleanField(_l("Has not signed yet"))
    note = one_line(_l("What it agrees to, as on the paper"))


# ── what stands on a page ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Page:
    """One page of the editor: the fields of a thing of the plan, and lists of lines."""

    address: str
    part: str
    title: Any
    owner: str = ""
    form: type[FlaskForm] = FlaskForm
    lists: tuple[str, ...] = ()


def page_at(content: Content, address: str) -> Page:
    if address in PARTS:
        return _part(content, address)
    thing = document.at(content, address)
    if isinstance(thing, Sheet):
        names = _sheet_lists(thing)
        form, title = sheet_form(thing.boxes), words.CONDITIONS[thing.condition]
        return Page(address, "conditions", title, address, form, _paths(address, names))
    if isinstance(thing, SignGroup):
        title = ": ".join(filter(None, (str(words.SEVERITIES[thing.severity]), thing.title)))
        return Page(address, "signs", title, address, GroupForm, _paths(address, thing.LISTS))
    title = thing.name or _("New medicine")
    return Page(address, "medicines", title, address, MedicineForm, _paths(address, thing.LISTS))


def _part(content: Content, part: str) -> Page:
    page = Page(part, part, PARTS[part])
    if part == "frame":
        return replace(page, form=FrameForm, lists=("review",))
    if part == "donts":
        sheets = [f"sheets.{s}" for s in range(len(content.sheets))]
        cross = ("cross",) if len(sheets) > 1 or content.lines("cross") else ()
        return replace(page, lists=sum((_paths(s, TOGETHER) for s in sheets), cross))
    lists = {"kit": ("kit",), "daily": held.DAILY, "around": held.AROUND}
    return replace(page, lists=lists.get(part, ()))


def _sheet_lists(sheet: Sheet) -> list[str]:
    """Without the lists that only allergies have, unless something stands in them."""
    fits = sheet.condition == document.Condition.ALLERGY
    return [
        name
        for name in sheet.LISTS
        if name not in ELSEWHERE and (fits or name not in ALLERGY_ONLY or sheet.lines(name))
    ]


def _paths(owner: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{owner}.{name}" for name in names)


def address_of(path: str) -> str:
    """The page on which the list at `path` is typed."""
    owner, _dot, name = path.rpartition(".")
    return ELSEWHERE.get(name) or owner or "daily"


def order(content: Content) -> list[str]:
    """The pages in the order of the paper; groups and medicines are reached from their part."""
    sheets = [f"sheets.{s}" for s in range(len(content.sheets))]
    return ["frame", "conditions", *sheets, *list(PARTS)[2:]]


def next_address(content: Content, address: str) -> str:
    """What comes after this page; after one of several, all of them."""
    pages = order(content)
    if address not in pages:
        return page_at(content, address).part
    return pages[min(pages.index(address) + 1, len(pages) - 1)]


# ── what was typed on a page ─────────────────────────────────────────────────────────────────────


class Typed:
    """A page as it stands in the document, or with what was typed over it."""

    def __init__(self, content: Content, page: Page, typed: MultiDict | None = None) -> None:
        self.content, self.page = content, page
        self.thing = document.at(content, page.owner)
        self.form = page.form(typed, data=stored(self.thing))
        self.mark = document.mark(content, page.owner)
        self.boxes = {path: Box(content, path, typed) for path in page.lists}
        self.fields = fields_of(self.form)
        self.stale = bool(self.fields) and typed is not None and typed.get("mark") != self.mark

    def refusal(self) -> int:
        """The status to answer with when this cannot be saved, else 0."""
        for box in self.boxes.values():
            box.check()
        if self.stale or any(box.problem for box in self.boxes.values()):
            return 409
        if not self.form.validate() or any(box.errors for box in self.boxes.values()):
            return 422
        return 0

    def meanwhile(self) -> list[tuple[Any, str]]:
        """What somebody else saved into the fields of this page: label and value."""
        saved = self.page.form(None, data=stored(self.thing))
        pairs = zip(fields_of(saved), self.fields, strict=True)
        return [(old.label.text, shown(old)) for old, new in pairs if old.data != new.data]

    def merged(self, path: str = "", act: Callable[[Rows, Box], None] | None = None) -> Content:
        """The document with all of it in; `act` works on the rows at `path`."""
        content = self.content
        for box in self.boxes.values():
            rows = box.rows()
            if act and box.path == path:
                act(rows, box)
            lines = (*(line for row in rows for line in row), *box.read(box.new))
            if len(lines) > LIST_LIMIT:
                raise DomainError("too-many-things")
            content = document.with_lines(content, box.path, lines)
        return self._with_fields(content)

    def _with_fields(self, content: Content) -> Content:
        values: dict[str, Any] = {}
        for field in self.fields:
            if field.name.startswith("box:"):
                switches = values.setdefault("switches", {})
                switches |= {field.name.removeprefix("box:"): field.data} if field.data else {}
            elif isinstance(field, Day):
                values[field.name] = field.data.isoformat() if field.data else ""
            else:
                values[field.name] = field.data
        if values.get("language", content.language) != content.language:
            content = document.in_language(content, values["language"])
        thing = document.at(content, self.page.owner)
        return document.with_thing(content, self.page.owner, replace(thing, **values))


def fields_of(form: FlaskForm) -> list:
    return [field for field in form if field.name != "csrf_token"]


def stored(thing: Listed) -> dict[str, Any]:
    """The fields of a thing as a form wants them."""
    values = {f.name: getattr(thing, f.name) for f in fields(thing)}
    for name in ("valid_from", "valid_until", "review_on"):
        if values.get(name):
            values[name] = date.fromisoformat(values[name])
    return values | {f"box:{box}": yes for box, yes in values.get("switches", {}).items()}


def shown(field: Any) -> str:
    """A field's value in words; "" when it is not on the paper."""
    if isinstance(field, RadioField):
        return next((str(o.label.text) for o in field if o.checked and field.data), "")
    if isinstance(field, BooleanField):
        return _("Yes") if field.data else ""
    return day(field.data) if isinstance(field, Day) else field.data or ""


# ── what is in the kit, and who signed: rows of their own ────────────────────────────────────────


@dataclass(frozen=True)
class Register:
    table: type[Sealed]
    form: type[FlaskForm]
    new: Any

    def scope(self, draft: Draft) -> ModelSelect:
        if self.table is KitUnit:
            return KitUnit.select().where(KitUnit.plan == draft.plan_id, KitUnit.ended.is_null())
        return Signature.select().where(Signature.scan == draft.scan_id)

    def rows(self, draft: Draft) -> list[Any]:
        scope = self.scope(draft)
        return self.table.open_all(scope.order_by(self.table.rank, self.table.created))

    def blank(self, draft: Draft) -> Any:
        """A row after all others, not saved."""
        if self.table is Signature and draft.scan_id is None:
            raise DomainError("submitted-without-scan")
        if self.scope(draft).count() >= LIST_LIMIT:
            raise DomainError("too-many-things")
        last = self.scope(draft).select(fn.MAX(self.table.rank)).scalar()
        row = self.table(data_key=draft.data_key_id, rank=0 if last is None else last + 1)
        if self.table is KitUnit:
            row.plan = draft.plan_id
        else:
            row.scan = draft.scan_id
        return row


REGISTERS = {
    "kit": Register(KitUnit, KitUnitForm, _l("One more in the kit")),
    "signatures": Register(Signature, SignatureForm, _l("One more signature")),
}


# ── how far one is, and the whole of it ──────────────────────────────────────────────────────────


def steps(draft: Draft) -> list[dict[str, Any]]:
    """Each part with what was typed; `check` says what looks forgotten. Nothing blocks."""
    content = document.content_of(draft)
    typed = Counter[str]()
    for path, _name, found in document.walk(content):
        typed[page_at(content, address_of(path)).part] += len(found)
    said = {part: ngettext("%(num)d line", "%(num)d lines", n) for part, n in typed.items()}
    said["frame"] = PAPERS.get(content.language, "")
    said["conditions"] = ", ".join(str(words.CONDITIONS[name]) for name in content.conditions)
    said["medicines"] = ", ".join(medicine.name for medicine in content.medicines)
    said |= {kind: _rows_said(kind, draft) for kind in REGISTERS}
    check = _forgotten(content)
    return [
        {"part": part, "title": title, "said": said.get(part, ""), "check": check.get(part, "")}
        for part, title in PARTS.items()
    ]


def _rows_said(kind: str, draft: Draft) -> str:
    rows = REGISTERS[kind].rows(draft)
    if not rows:
        return ""
    if kind == "kit":
        return ngettext("%(num)d thing", "%(num)d things", len(rows))
    missing = sum(not row.on for row in rows)
    said = ngettext("%(num)d person", "%(num)d persons", len(rows))
    return f"{said}, {_('not signed yet: %(count)s', count=missing)}" if missing else said


def _forgotten(content: Content) -> dict[str, str]:
    found = {}
    groups = [group for sheet in content.sheets for group in sheet.groups]
    acting = [group for group in groups if group.severity != document.Severity.NONE]
    if any(not group.lines("signs") for group in groups):
        found["signs"] = _("A group has no signs yet.")
    elif any(not group.lines("steps") for group in acting):
        found["signs"] = _("A group does not say what to do.")
    if any(not medicine.name for medicine in content.medicines):
        found["medicines"] = _("A medicine has no name.")
    return found


def read_all(content: Content) -> list[dict[str, Any]]:
    """Every page with what is filled in: its fields in words, its lists."""
    found = []
    for address in addresses(content):
        typed = Typed(content, page_at(content, address))
        facts = [(field.label.text, shown(field)) for field in typed.fields]
        found.append(
            {
                "address": address,
                "title": typed.page.title,
                "facts": [(label, value) for label, value in facts if value],
                "boxes": [box for box in typed.boxes.values() if box.lines],
            }
        )
    return found


def addresses(content: Content) -> list[str]:
    """Every page that holds words, in the order of the paper."""
    sheets = []
    for s, sheet in enumerate(content.sheets):
        sheets += [f"sheets.{s}", *(f"sheets.{s}.groups.{n}" for n in range(len(sheet.groups)))]
    medicines = [f"medicines.{m}" for m in range(len(content.medicines))]
    return ["frame", *sheets, "donts", *medicines, "kit", "daily", "around"]

"""The forms by which a family, or the desk for it, asks the service for something."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import format_date, format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

import agenda
import services
from database import local
from models import Child, Person
from offices import Centre, RequestKind
from views.fields import (
    a_choice,
    a_day,
    as_id,
    mail_line,
    needed_if,
    one_line,
    one_of,
    options,
    phone_line,
    required,
    some_lines,
)
from views.rendering import LANGUAGE_NAMES

# In addresses a kind is a digit: a history or a log tells nothing.
KINDS = dict(zip("1234", RequestKind, strict=True))
DIGITS = {kind: digit for digit, kind in KINDS.items()}
GATED = {RequestKind.TELE, RequestKind.CNJE}  # not for sick children: asked first

REACH = ("times", "phone", "mail", "language")
FIELDS = {
    RequestKind.TELE: ("child", "other", "topic", *REACH),
    RequestKind.CNJE: ("child", "other", "centre", *REACH),
    RequestKind.HOME: ("address", "topic", *REACH),
    RequestKind.WARD: ("name", "hospital", "ward", "until", *REACH),
}
OTHER, EXPECTING = "other", "expecting"
WALK_INS = 3  # days shown of a centre that takes families without appointment


class Ticks(SelectMultipleField):
    """A half-day that has passed since the page was opened is left out without a word."""

    widget = ListWidget()
    option_widget = CheckboxInput()


class AskForm(FlaskForm):
    """Everything that any kind asks; `form_for` takes away what this one does not."""

    name = one_line(_l("Name"), required(), length=80)
    child = one_of(_l("About which child?"), {})
    other = one_line(_l("First name of the child"), needed_if("child", OTHER), length=80)
    centre = a_choice(_l("Where?"))
    address = one_line(
        _l("Where should we come?"),
        required(),
        description=_l("Street, number, town; the name on the bell."),
        render_kw={"autocomplete": "address-line1"},
    )
    topic = some_lines(
        _l("What is it about?"),
        required(),
        length=600,
        description=_l("One or two sentences, in your language. Only the service reads them."),
        render_kw={"rows": 3},
    )
    hospital = one_line(_l("Maternity hospital"), required(), length=80)
    ward = one_line(_l("Ward and room"), length=80)
    until = a_day(_l("Last day there, if you know it"))
    times = Ticks(
        _l("Which times suit you?"),
        validate_choice=False,
        description=_l("Tick none if any time suits you."),
    )
    phone = phone_line(_l("Phone"), required())
    mail = mail_line(_l("E-mail"))
    language = a_choice(_l("Language of the answer"), LANGUAGE_NAMES)

    def facts(self, children: Sequence[Child]) -> dict[str, Any]:
        """The secrets of the request, and its centre."""
        plain = ("name", "topic", "address", "hospital", "ward", "until", "phone", "mail")
        facts = {field: self[field].data or "" for field in plain if field in self}
        ahead = [half.value for half in self.times.choices]
        facts["times"] = [half for half in ahead if half in self.times.data]
        if "centre" in self:
            facts["centre_id"] = as_id(self.centre.data)
        if "child" in self:
            facts |= self._child(children)
        return facts

    def _child(self, children: Sequence[Child]) -> dict[str, Any]:
        if self.child.data == EXPECTING:
            return {"expecting": True}
        for child in children:
            if self.child.data == str(child.id):
                return {"child": child.first_name, "born": child.born}
        return {"child": self.other.data}


def form_for(
    kind: RequestKind, now: datetime, person: Person | None, children: Sequence[Child] = ()
) -> AskForm:
    """Filled in with what the account knows; the desk asks for a `person` unknown to us."""
    known = {
        name: getattr(person, name) for name in ("name", "phone", "mail", "language") if person
    }
    first = (str(children[0].id) if len(children) == 1 else None) if children else OTHER
    form = AskForm(**(known or {"language": "fr"}), child=first)
    shown = FIELDS[kind] if person else ("name", *(f for f in FIELDS[kind] if f != "name"))
    for name in [field.name for field in form if field.name not in (*shown, "csrf_token")]:
        del form[name]
    form.in_order = [form[name] for name in shown]
    form.times.choices = options({half: half_day(half) for half in agenda.half_days(now)})
    if "child" in form:
        form.child.choices = options(_children(children))
    if "centre" in form:
        form.centre.choices = options({"": _("Wherever it is possible"), **centres()})
    if kind == RequestKind.WARD:
        form.name.label.text = _("Name of the mother")
    return form


def _children(children: Sequence[Child]) -> dict[str, str]:
    ours = {str(child.id): child.first_name for child in children}
    return {
        **ours,
        OTHER: _("Another child") if ours else _("A child"),
        EXPECTING: _("We are expecting a child"),
    }


def centres() -> dict[str, str]:
    return {str(centre.id): centre.name for centre in services.centres()}


# ── words ────────────────────────────────────────────────────────────────────────────────────────


def half_day(half: str) -> str:
    """ "2026-11-26 am" as a reader says it: Thu 26 Nov, morning."""
    day, _space, part = half.partition(" ")
    said = format_date(date.fromisoformat(day), "EEE d MMM")
    if part == "am":
        return _("%(day)s, morning", day=said)
    return _("%(day)s, afternoon", day=said)


def short(moment: datetime) -> str:
    return format_datetime(local(moment), "EEE d MMM, HH:mm", rebase=False)


def walk_ins(today: date) -> list[tuple[Centre, services.Rule, list[date]]]:
    """Centres that take families without appointment: their hours and next days."""
    return [
        (centre, rule, services.next_days(rule, today, WALK_INS))
        for centre in services.centres()
        for rule in services.rules_of(centre)
        if not rule.appointment
    ]

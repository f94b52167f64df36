"""The facts about the services and the opening rules of the centres, edited at the desk."""

from datetime import date
from typing import Any, NamedTuple

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from peewee import JOIN, ModelSelect
from wtforms import Field, ValidationError

import services
from database import DataKey, DomainError, clock, local, today
from models import Person
from offices import Centre, Service
from views import words
from views.fields import (
    a_choice,
    a_day,
    is_hour,
    is_secure,
    mail_line,
    one_line,
    phone_line,
    required,
    shown_texts,
    some_lines,
    typed_texts,
)
from views.guards import allowed
from views.rendering import LOCALES, sentence

bp = Blueprint("desk_services", __name__, url_prefix="/desk/services")

CONTACT = ("phone", "fax", "mail", "address", "url", "checked_on")
RULES = 3  # of one centre; a row without a weekday is none
WEEKDAYS = {"": _l("None"), **words.WEEKDAYS}
NTH = {
    "0": _l("Every week"),
    "1": _l("First in the month"),
    "2": _l("Second in the month"),
    "3": _l("Third in the month"),
    "4": _l("Fourth in the month"),
}
APPOINTMENT = {"yes": _l("By appointment"), "no": _l("Without appointment")}


class Clash(NamedTuple):
    """Two people saved: the sentence about it; label, which one, and what stands there now."""

    problem: str
    theirs: list[tuple[str, str, str]]


def secure(form: FlaskForm, field: Field) -> None:
    if field.data and not is_secure(field.data):
        raise ValidationError(_l("A web address begins with https:// and has no spaces."))


def past(form: FlaskForm, field: Field) -> None:
    if field.data and field.data > today():
        raise ValidationError(_l("This day has not come yet."))


def on_the_clock(form: FlaskForm, field: Field) -> None:
    if not is_hour(field.data or ""):
        raise ValidationError(_l("A time looks like 14:00."))


class ServiceForm(FlaskForm):
    """And a name, what and how in each language: see below."""

    phone = phone_line(_l("Phone"))
    fax = phone_line(_l("Fax"))
    mail = mail_line(_l("E-mail"))
    address = one_line(_l("Address"))
    url = one_line(_l("Web address"), secure)
    checked_on = a_day(_l("Last checked on"), required(), past)


for language in LOCALES:
    needed = (required(),) if language == "en" else ()
    setattr(ServiceForm, f"name_{language}", one_line(_l("Name"), *needed, length=120))
    setattr(ServiceForm, f"what_{language}", some_lines(_l("What it is"), length=600))
    setattr(ServiceForm, f"how_{language}", some_lines(_l("Who may ask, and how"), length=600))


class CentreForm(FlaskForm):
    name = one_line(_l("Name"), required(), length=120)
    address = one_line(_l("Address"))
    checked_on = a_day(_l("Last checked on"), required(), past)

    def rules(self) -> list[dict[str, Any]]:
        """The rows with a weekday, as services.Rule has them."""
        return [
            {
                "weekday": int(self[f"weekday_{n}"].data),
                "nth": int(self[f"nth_{n}"].data),
                "opens": self[f"opens_{n}"].data,
                "closes": self[f"closes_{n}"].data,
                "appointment": self[f"appointment_{n}"].data == "yes",
                "since": self[f"since_{n}"].data.isoformat() if self[f"since_{n}"].data else "",
            }
            for n in range(RULES)
            if self[f"weekday_{n}"].data
        ]

    def validate(self, *args: Any, **more: Any) -> bool:
        """Of a row that is used, the hours follow each other."""
        if not super().validate(*args, **more):
            return False
        for n in range(RULES):
            if self[f"weekday_{n}"].data and self[f"opens_{n}"].data >= self[f"closes_{n}"].data:
                self[f"closes_{n}"].errors = [_("The end comes after the beginning.")]
                return False
        return True


for n in range(RULES):
    setattr(CentreForm, f"weekday_{n}", a_choice(_l("Weekday"), WEEKDAYS))
    setattr(CentreForm, f"nth_{n}", a_choice(_l("How often"), NTH))
    setattr(CentreForm, f"opens_{n}", one_line(_l("From"), on_the_clock, default="14:00"))
    setattr(CentreForm, f"closes_{n}", one_line(_l("To"), on_the_clock, default="16:00"))
    setattr(CentreForm, f"appointment_{n}", a_choice(_l("Appointment"), APPOINTMENT))
    setattr(CentreForm, f"since_{n}", a_day(_l("In force since")))


# ── the list ─────────────────────────────────────────────────────────────────────────────────────


@bp.get("")
@allowed("desk.services")
def index() -> ResponseReturnValue:
    rows = with_editor(Service.visible_to(g.actor).order_by(Service.rank))
    centres = with_editor(Centre.visible_to(g.actor).order_by(Centre.rank, Centre.name))
    people = [row.edited_by for row in (*rows, *centres) if row.edited_by]
    DataKey.open_all(person.data_key_id for person in people)
    return render_template(
        "desk_services/index.html", services=rows, centres=centres, changed=changed
    )


def with_editor(rows: ModelSelect) -> list[Service | Centre]:
    return list(rows.select_extend(Person).join(Person, JOIN.LEFT_OUTER))


def changed(row: Service | Centre) -> str:
    """Who changed it, and when; nothing where the data file still stands."""
    if not row.edited:
        return ""
    day = format_date(local(row.edited), "d MMMM")
    if row.edited_by is None:
        return _("changed on %(day)s", day=day)
    return _("changed by %(name)s, %(day)s", name=row.edited_by.name, day=day)


# ── one service ──────────────────────────────────────────────────────────────────────────────────


@bp.get("/<uuid:service_id>")
@allowed("desk.services", Service)
def edit(service: Service) -> ResponseReturnValue:
    return service_page(service, service_form(service))


@bp.post("/<uuid:service_id>")
@allowed("desk.services", Service)
def save(service: Service) -> ResponseReturnValue:
    form = ServiceForm()
    if not form.validate_on_submit():
        return service_page(service, form, 422)
    facts = {name: form[name].data or "" for name in CONTACT}
    facts["checked_on"] = checked_on(form)
    facts["texts"] = typed_texts(form, "name", "what", "how")
    try:
        return put(service, facts)
    except DomainError as refusal:
        now = Service.get_by_id(service.id)
        return service_page(now, form, 409, both_texts(refusal, form, service_form(now)))


def service_form(service: Service) -> ServiceForm:
    """As the row stands, whatever was sent."""
    return ServiceForm(None, obj=service, data=shown_texts(service.texts))


def service_page(
    service: Service, form: ServiceForm, status: int = 200, clash: Clash | None = None
) -> ResponseReturnValue:
    page = render_template("desk_services/service.html", service=service, **about(form, clash))
    return page, status


# ── one centre ───────────────────────────────────────────────────────────────────────────────────


@bp.get("/centres/<uuid:centre_id>")
@allowed("desk.services", Centre)
def edit_centre(centre: Centre) -> ResponseReturnValue:
    return centre_page(centre, centre_form(centre))


def centre_form(centre: Centre) -> CentreForm:
    """As the row stands, whatever was sent."""
    data: dict[str, Any] = {}
    for n, rule in enumerate(services.rules_of(centre)[:RULES]):
        data |= {
            f"weekday_{n}": str(rule.weekday),
            f"nth_{n}": str(rule.nth),
            f"opens_{n}": rule.opens,
            f"closes_{n}": rule.closes,
            f"appointment_{n}": "yes" if rule.appointment else "no",
            f"since_{n}": rule.since_day,
        }
    return CentreForm(None, obj=centre, data=data)


@bp.post("/centres/<uuid:centre_id>")
@allowed("desk.services", Centre)
def save_centre(centre: Centre) -> ResponseReturnValue:
    form = CentreForm()
    if not form.validate_on_submit():
        return centre_page(centre, form, 422)
    facts = {
        "name": form.name.data,
        "address": form.address.data or "",
        "checked_on": checked_on(form),
        "rules": form.rules(),
    }
    try:
        return put(centre, facts)
    except DomainError as refusal:
        now = Centre.get_by_id(centre.id)
        return centre_page(now, form, 409, both_texts(refusal, form, centre_form(now)))


def centre_page(
    centre: Centre, form: CentreForm, status: int = 200, clash: Clash | None = None
) -> ResponseReturnValue:
    rows = range(RULES)
    page = render_template(
        "desk_services/centre.html", centre=centre, rows=rows, **about(form, clash)
    )
    return page, status


# ── both ─────────────────────────────────────────────────────────────────────────────────────────


def checked_on(form: ServiceForm | CentreForm) -> date:
    """The button "checked today" says more than the field."""
    return today() if request.form.get("checked") else form.checked_on.data


def about(form: FlaskForm, clash: Clash | None) -> dict[str, Any]:
    """What both pages need beside their row."""
    return {"form": form, "clash": clash, "changed": changed, "mark": services.mark}


def both_texts(refusal: DomainError, mine: FlaskForm, theirs: FlaskForm) -> Clash:
    """What was typed stays in the fields; what stands now is shown where it differs."""
    differ = [
        (field.label.text, field.name.partition("_")[2], said(theirs[field.name]))
        for field in mine
        if field.type != "CSRFTokenField" and (field.data or "") != (theirs[field.name].data or "")
    ]
    return Clash(sentence(refusal), differ)


def said(field: Field) -> str:
    """The value as a reader knows it."""
    if field.type == "SelectField":
        return next(
            (str(label) for _value, label, chosen, *_ in field.iter_choices() if chosen), ""
        )
    return field._value() or "–"


def put(row: Service | Centre, facts: dict[str, Any]) -> ResponseReturnValue:
    services.edit(row, facts, request.form.get("seen", ""), g.actor, clock())
    flash(_("Saved. Readers see it at once."))
    return redirect(url_for(".index"), 303)

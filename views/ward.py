"""The nurse's round on the maternity wards: a day's list by hospital, and the card to leave."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field
from wtforms.validators import ValidationError

import services
from database import clock, today
from models import Audit
from views import asking
from views.fields import a_choice, a_day, one_line, options, required, some_lines
from views.guards import allowed
from views.rendering import LANGUAGE_NAMES, LOCALES, absolute
from views.words import WARD_OFFERS
from ward import WardVisit

bp = Blueprint("ward", __name__, url_prefix="/desk/ward")


class VisitForm(FlaskForm):
    day = a_day(_l("Day"), required())
    hospital = one_line(_l("Maternity hospital"), required(), length=80)
    ward = one_line(_l("Ward and bed"), length=80)
    name = one_line(_l("Name of the mother"), required(), length=80)
    language = a_choice(_l("Language of the family"), LANGUAGE_NAMES, default="fr")
    offered = asking.Ticks(_l("What you offered"), choices=options(WARD_OFFERS))
    follow_up = a_day(_l("Meet again on"))
    note = some_lines(_l("Note for nurses only"), length=2000, render_kw={"rows": 4})

    def validate_follow_up(self, field: Field) -> None:
        if field.data and self.day.data and field.data < self.day.data:
            raise ValidationError(_l("This day is before the visit."))

    @property
    def facts(self) -> dict[str, Any]:
        """Of WardVisit by name."""
        return {field.name: field.data for field in self if field.name != "csrf_token"}


@bp.get("")
@allowed("desk.ward")
def index() -> ResponseReturnValue:
    day = day_wanted()
    visits = WardVisit.on(day)
    step = timedelta(days=1)
    around = {"before": day - step, "after": day + step}
    return render_template("ward/index.html", day=day, today=today(), visits=visits, **around)


@bp.get("/new")
@allowed("desk.ward")
def new() -> ResponseReturnValue:
    return form_page(VisitForm(day=day_wanted()))


@bp.post("")
@allowed("desk.ward")
def enter() -> ResponseReturnValue:
    form = VisitForm()
    if not form.validate_on_submit():
        return form_page(form, status=422)
    made = WardVisit.enter(g.actor.person, form.facts, clock())
    Audit.note(g.actor, "ward.enter", made.id)
    return back_to_list(made.day, _("Saved."))


@bp.get("/<uuid:ward_visit_id>")
@allowed("desk.ward", WardVisit)
def show(ward_visit: WardVisit) -> ResponseReturnValue:
    Audit.note(g.actor, "ward.read", ward_visit.id)
    return form_page(VisitForm(formdata=None, **ward_visit.facts), ward_visit)


@bp.post("/<uuid:ward_visit_id>")
@allowed("desk.ward", WardVisit)
def save(ward_visit: WardVisit) -> ResponseReturnValue:
    form = VisitForm()
    if not form.validate_on_submit():
        return form_page(form, ward_visit, 422)
    ward_visit.change(form.facts)
    Audit.note(g.actor, "ward.edit", ward_visit.id)
    return back_to_list(ward_visit.day, _("Saved."))


@bp.post("/<uuid:ward_visit_id>/removal")
@allowed("desk.ward", WardVisit)
def remove(ward_visit: WardVisit) -> ResponseReturnValue:
    ward_visit.erase()
    Audit.note(g.actor, "ward.erase", ward_visit.id)
    return back_to_list(ward_visit.day, _("Erased."))


@bp.get("/card")
@allowed("desk.ward")
def card() -> ResponseReturnValue:
    """The same for every family of a language: it names nobody."""
    wanted = request.args.get("language", "")
    language = wanted if wanted in LOCALES else "fr"
    phone = services.by_slug("spse")["spse"].phone
    with force_locale(LOCALES[language]):  # whatever the nurse reads
        said = {
            "title": _("The nurses are there for you, at home too"),
            "offer": _(
                "Ask for a call, a consultation or a visit, in your language. It is free of "
                "charge, and you need no password."
            ),
            "code": _("QR code: sign up"),
            "scan": _("Scan this code with your phone, or open:"),
            "call": _("Or call us: %(phone)s", phone=phone),
        }
    link = absolute(url_for("account.sign_up"))
    return render_template("ward/card.html", language=language, said=said, link=link)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def day_wanted() -> date:
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return today()
    return day if 2000 <= day.year <= 2100 else today()


def form_page(
    form: VisitForm, ward_visit: WardVisit | None = None, status: int = 200
) -> ResponseReturnValue:
    known = WardVisit.hospitals()
    page = render_template("ward/visit.html", form=form, ward_visit=ward_visit, hospitals=known)
    return page, status


def back_to_list(day: date, said: str) -> ResponseReturnValue:
    flash(said)
    return redirect(url_for(".index", day=day), 303)

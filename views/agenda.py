"""A nurse's hours and closed days, and what is given back when she is ill."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm

import agenda
import deadlines
from agenda import Closure, Hours
from database import LUXEMBOURG, Sealed, clock, today
from models import Audit, Person
from offices import CareRequest, CareRequestEvent, RequestStatus, Slot
from views import asking
from views.fields import a_choice, a_day, as_id, not_past, one_of, options, required
from views.guards import allowed, get_or_404
from views.words import REQUEST_SHORT, WEEKDAYS

bp = Blueprint("agenda", __name__, url_prefix="/desk/agenda")

SHOWN = timedelta(days=14)
TO_CALL = timedelta(days=7)  # how long what was given back is listed
HALVES = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(14, 41)]  # 07:00 to 20:00
TRAVEL = {"0": _l("None"), "1": _l("30 minutes"), "2": _l("60 minutes")}
WHOSE = {"mine": _l("This nurse"), "all": _l("The whole service")}


class HoursForm(FlaskForm):
    weekday = a_choice(_l("Weekday"), WEEKDAYS)
    opens = a_choice(_l("From"), {hour: hour for hour in HALVES}, default="08:00")
    closes = a_choice(_l("To"), {hour: hour for hour in HALVES}, default="12:00")
    kind = a_choice(_l("For"))
    centre = a_choice(_l("Centre"))
    travel = a_choice(_l("On the way to a home visit and back, each"), TRAVEL, default="1")

    def validate(self, *args: Any, **more: Any) -> bool:
        if not super().validate(*args, **more):
            return False
        if self.opens.data >= self.closes.data:
            self.closes.errors = [_("The end comes after the beginning.")]
        return not self.errors

    def facts(self) -> dict[str, Any]:
        """Columns of Hours by name."""
        return {
            "weekday": int(self.weekday.data),
            "opens": self.opens.data,
            "closes": self.closes.data,
            "kind": asking.KINDS.get(self.kind.data, ""),
            "centre": as_id(self.centre.data),
            "travel": int(self.travel.data),
        }


class DaysForm(FlaskForm):
    """The first and the last day; one day when the last is left empty."""

    first = a_day(_l("First day"), required(), not_past)
    last = a_day(_l("Last day, if there are several"), not_past)

    def validate(self, *args: Any, **more: Any) -> bool:
        if not super().validate(*args, **more):
            return False
        self.last.data = self.last.data or self.first.data
        if self.last.data < self.first.data:
            self.last.errors = [_("The end comes after the beginning.")]
        return not self.errors


class ClosureForm(DaysForm):
    whose = one_of(_l("Who is away?"), WHOSE, "mine")


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


@bp.url_defaults
def stay(endpoint: str, values: dict[str, Any]) -> None:
    """A colleague's agenda stays chosen: who is ill cannot do it herself."""
    if request.args.get("nurse"):
        values.setdefault("nurse", request.args["nurse"])


@bp.get("")
@allowed("desk.agenda")
def show() -> ResponseReturnValue:
    deadlines.settle(clock())
    return page(nurse_wanted())


@bp.post("/hours")
@allowed("desk.agenda")
def add_hours() -> ResponseReturnValue:
    nurse, form = nurse_wanted(), hours_form()
    if not form.validate_on_submit():
        return page(nurse, 422, hours=form)
    Hours.add(nurse, form.facts())
    return done(_("Saved."), nurse)


@bp.post("/hours/<uuid:hours_id>/removal")
@allowed("desk.agenda", Hours)
def remove_hours(hours: Hours) -> ResponseReturnValue:
    """What was given in these hours stays given."""
    hours.delete_instance()
    return done(_("Removed. Appointments that are given stay."), hours.nurse)


@bp.post("/closures")
@allowed("desk.agenda")
def add_closure() -> ResponseReturnValue:
    nurse, form = nurse_wanted(), ClosureForm(prefix="closed")
    if not form.validate_on_submit():
        return page(nurse, 422, closure=form)
    Closure.add(nurse if form.whose.data == "mine" else None, form.first.data, form.last.data)
    return done(_("Saved."), nurse)


@bp.post("/closures/<uuid:closure_id>/removal")
@allowed("desk.agenda", Closure)
def remove_closure(closure: Closure) -> ResponseReturnValue:
    closure.delete_instance()
    return done(_("Removed."), nurse_wanted())


@bp.post("/release")
@allowed("desk.agenda")
def release() -> ResponseReturnValue:
    nurse, form = nurse_wanted(), DaysForm(prefix="ill")
    if not form.validate_on_submit():
        return page(nurse, 422, ill=form)
    first, last = form.first.data, form.last.data
    count = deadlines.release(nurse, first, last, g.actor.person, clock())
    Audit.note(g.actor, "agenda.release", nurse.id)
    said = ngettext(
        "%(num)d appointment was given back, and the family is told.",
        "%(num)d appointments were given back, and the families are told.",
        count,
    )
    return done(said, nurse)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def done(said: str, nurse: Person) -> ResponseReturnValue:
    flash(said)
    return redirect(url_for(".show", nurse=nurse.id), 303)


def nurses() -> list[Person]:
    people = Person.open_all(Person.select().where(Person.is_nurse))
    return sorted(people, key=lambda person: person.name)


def nurse_wanted() -> Person:
    wanted = request.args.get("nurse", type=UUID)
    return get_or_404(Person.select().where(Person.is_nurse), wanted) if wanted else g.actor.person


def page(nurse: Person, status: int = 200, **sent: FlaskForm) -> ResponseReturnValue:
    hours = Hours.of(nurse)
    forms = {
        "hours": hours_form(fresh=True),
        "closure": ClosureForm(formdata=None, prefix="closed"),
        "ill": DaysForm(formdata=None, prefix="ill", first=today()),
    }
    shown = render_template(
        "agenda/show.html",
        nurse=nurse,
        nurses=nurses(),
        rows=hours or agenda.usual_hours(),
        is_set=bool(hours),
        closures=Closure.of(nurse, today()),
        slots=coming(nurse),
        to_call=given_back(),
        forms=forms | sent,
        asking=asking,
        weekdays=WEEKDAYS,
        travel=TRAVEL,
    )
    return shown, status


def hours_form(fresh: bool = False) -> HoursForm:
    form = HoursForm(formdata=None) if fresh else HoursForm()
    kinds = {digit: REQUEST_SHORT[kind] for digit, kind in asking.KINDS.items()}
    form.kind.choices = options({"": _("Every kind"), **kinds})
    form.centre.choices = options({"": _("None of these"), **asking.centres()})
    return form


def coming(nurse: Person) -> list[Slot]:
    """What is given or held in the next two weeks, in its order."""
    begins = datetime.combine(today(), time(), LUXEMBOURG)
    rows = (
        Slot.select(Slot, CareRequest)
        .join(CareRequest)
        .where(Slot.nurse == nurse, Slot.is_travel == False, Slot.stands(clock()))  # noqa: E712
        .where(Slot.starts >= begins, Slot.starts < begins + SHOWN)
        .order_by(Slot.starts)
    )
    slots = list(rows)
    Sealed.open_all(slot.care_request for slot in slots)
    return slots


def given_back() -> list[CareRequest]:
    """Whose appointment was given back by an ill nurse, and who has no other yet."""
    lately = CareRequestEvent.created > clock() - TO_CALL
    released = CareRequestEvent.select(CareRequestEvent.care_request).where(
        CareRequestEvent.what == "released", lately
    )
    waiting = CareRequest.status == RequestStatus.ASKED, CareRequest.id.in_(released)
    return Sealed.open_all(CareRequest.select().where(*waiting).order_by(CareRequest.created))

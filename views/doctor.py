"""The doctor reads a plan through a link that works once. What comes back is no signature."""

from flask import Blueprint, abort, g, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

from access import can
from database import DomainError, clock
from models import Audit, Plan, PlanMode, PlanState, PlanVersion
from plan import waiting
from remarks import DoctorReading
from views import comparing, held
from views.fields import one_line, required, some_lines
from views.guards import allowed, no_such_link, slow_down
from views.rendering import absolute, code, sentence

bp = Blueprint("doctor", __name__)

LINKS = 10  # that a person makes in an hour


class AskForm(FlaskForm):
    sent_to = one_line(_l("Who gets the link: name and address"), required(), length=120)


class ConfirmForm(FlaskForm):
    name = one_line(_l("Your name and role"), required(), length=120)
    remark = some_lines(_l("Remark for the family and the crèche"), length=500)


@bp.get("/plans/<uuid:plan_id>/doctor")
@allowed("plan.ask-doctor", Plan)
def ask(plan: Plan) -> ResponseReturnValue:
    return ask_page(plan, AskForm())


@bp.post("/plans/<uuid:plan_id>/doctor")
@allowed("plan.ask-doctor", Plan)
def send(plan: Plan) -> ResponseReturnValue:
    """The answer is the page itself: only a hash of the link is kept, so it is shown once."""
    form = AskForm()
    if not form.validate_on_submit():
        return ask_page(plan, form, 422)
    slow_down(f"doctor:{g.actor.person_id}", LINKS)
    secret = DoctorReading.ask(newest(plan), form.sent_to.data, g.actor.person, clock())
    Audit.note(g.actor, "plan.ask-doctor", plan.id, child=plan.child_id)
    link = absolute(url_for(".show", token=secret))
    sent_to = form.sent_to.data
    return render_template("doctor/link.html", plan=plan, link=link, sent_to=sent_to)


def newest(plan: Plan) -> PlanVersion:
    """What was typed: of a plan that was only photographed there is no line to confirm."""
    version = waiting(plan) or plan.current
    typed = version and version.mode == PlanMode.GUIDED and version.state != PlanState.STOPPED
    return version if typed else abort(404)


def ask_page(plan: Plan, form: AskForm, status: int = 200) -> ResponseReturnValue:
    facts = {"plan": plan, "version": newest(plan), "form": form}
    return render_template("doctor/ask.html", **facts), status


@bp.get("/sign/<token>")
def show(token: str) -> ResponseReturnValue:
    reading = reading_of(token)
    plan = reading.version.plan
    Audit.note_reading(g.actor, "plan.read-by-link", plan.id, plan.child_id)
    return read_page(reading, token, ConfirmForm())


@bp.post("/sign/<token>")
def confirm(token: str) -> ResponseReturnValue:
    reading, form = reading_of(token), ConfirmForm()
    if can(g.actor, "child.read", reading.version.plan):
        abort(403)  # the family itself is not the doctor
    if not form.validate_on_submit():
        return read_page(reading, token, form, 422)
    try:
        reading.confirm(token, form.name.data, form.remark.data, clock())
    except DomainError as refused:
        return read_page(reading, token, form, 409, sentence(refused))
    plan = reading.version.plan
    Audit.note(g.actor, "plan.confirm-by-link", plan.id, child=plan.child_id)
    return render_template("doctor/thanks.html")


def reading_of(token: str) -> DoctorReading:
    return DoctorReading.by_link(token, clock()) or no_such_link("reading")


def read_page(
    reading: DoctorReading, token: str, form: ConfirmForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    """Every line as it was typed, in the words of the paper: the doctor has the paper itself."""
    version = reading.version
    facts = {
        "child": version.plan.child,
        "version": version,
        "parts": [p for p in comparing.parts_of(version) if p.rows],
        "signatures": held.signatures_of(version.scan_id),
        "reader": code(),
    }
    page = "doctor/read.html"
    return render_template(page, token=token, form=form, problem=problem, **facts), status

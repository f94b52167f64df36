"""Stopping a plan, and noting that its medicine was handed back."""

from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import endings
from database import DomainError, Sealed, clock, db, today
from endings import Stop
from models import Audit, Grant, KitUnit, Nursery, Plan
from views.fields import a_day, not_future, one_line, one_of, required, some_lines
from views.guards import allowed, get_or_404
from views.rendering import code, sentence
from views.words import STOPPERS

bp = Blueprint("endings", __name__, url_prefix="/plans/<uuid:plan_id>")

NAME = 80


class StopForm(FlaskForm):
    by = one_of(_l("Who stops it"), STOPPERS, endings.Stopper.PARENTS)
    name = one_line(_l("Name"), required(), length=NAME)
    on = a_day(_l("Since"), required(), not_future)
    why = some_lines(_l("Why"))


class HandBackForm(FlaskForm):
    to = one_line(_l("Who took it back"), required(), length=NAME)
    on = a_day(_l("On"), required(), not_future)


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────


@bp.get("/stop")
@allowed("plan.stop", Plan)
def show(plan: Plan) -> ResponseReturnValue:
    return stop_page(plan, StopForm(on=today()))


@bp.post("/stop")
@allowed("plan.stop", Plan)
def stop(plan: Plan) -> ResponseReturnValue:
    form = StopForm()
    if not form.validate_on_submit():
        return stop_page(plan, form, 422)
    said = {"by": form.by.data, "name": form.name.data, "why": form.why.data, "lang": code()}
    try:
        with db.atomic():
            endings.stop(plan, Stop(on=form.on.data.isoformat(), **said), g.actor.person, clock())
            Audit.note(g.actor, "plan.stop", plan.id, child=plan.child_id)
    except DomainError as refusal:
        return stop_page(plan, form, 409, sentence(refusal))
    flash(
        _(
            "The plan is stopped. The crèche is told, and its tablets show it. "
            "By mistake? Call the crèche at once, then send the paper again."
        )
    )
    if KitUnit.of(plan.id):
        return redirect(url_for(".hand_back", plan_id=plan.id), 303)
    return redirect(url_for("children.show", child_id=plan.child_id), 303)


def stop_page(
    plan: Plan, form: StopForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    held = Grant.child == plan.child_id, Grant.is_running()
    page = render_template(
        "endings/stop.html",
        plan=plan,
        child=plan.child,
        form=form,
        problem=problem,
        nurseries=[row.name for row in Nursery.select(Nursery.name).join(Grant).where(*held)],
    )
    return page, status


# ── the medicine ─────────────────────────────────────────────────────────────────────────────────


@bp.get("/hand-back")
@allowed("plan.hand-back", Plan)
def hand_back(plan: Plan) -> ResponseReturnValue:
    return hand_back_page(plan)


@bp.get("/hand-back/<uuid:kit_unit_id>")
@allowed("plan.hand-back", Plan)
def hand_back_one(plan: Plan, kit_unit_id: UUID) -> ResponseReturnValue:
    unit = get_or_404(plan.kit_units, kit_unit_id)
    return unit_page(plan, unit, HandBackForm(on=today()))


@bp.post("/hand-back/<uuid:kit_unit_id>")
@allowed("plan.hand-back", Plan)
def handed_back(plan: Plan, kit_unit_id: UUID) -> ResponseReturnValue:
    unit, form = get_or_404(plan.kit_units, kit_unit_id), HandBackForm()
    if not form.validate_on_submit():
        return unit_page(plan, unit, form, 422)
    try:
        with db.atomic():
            endings.hand_back(unit, form.to.data, form.on.data, clock())
            Audit.note(g.actor, "kit.hand-back", unit.id, child=plan.child_id)
    except DomainError as refusal:
        return unit_page(plan, unit, form, 409, sentence(refusal))
    return redirect(url_for(".hand_back", plan_id=plan.id), 303)


def hand_back_page(plan: Plan) -> ResponseReturnValue:
    rows = plan.kit_units.order_by(KitUnit.rank, KitUnit.created)
    units = Sealed.open_all(rows)
    return render_template(
        "endings/hand_back.html",
        plan=plan,
        child=plan.child,
        stop=endings.stop_of(plan.current),
        there=[unit for unit in units if unit.ended is None],
        gone=[unit for unit in units if unit.handed_back],
    )


def unit_page(
    plan: Plan, unit: KitUnit, form: HandBackForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    facts = {"plan": plan, "unit": unit, "form": form, "problem": problem}
    return render_template("endings/unit.html", **facts), status

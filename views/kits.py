"""A box or pen of a child's kit is replaced: one date, one tap; the old one is ended."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import access
from database import DomainError, clock, today
from models import Audit, KitUnit
from views.fields import one_line, printed, required
from views.guards import allowed
from views.rendering import day, sentence

bp = Blueprint("kits", __name__, url_prefix="/kits/<uuid:kit_unit_id>")


class ReplacementForm(FlaskForm):
    expires = one_line(_l("Use by, as printed"), required(), printed)
    lot = one_line(_l("Lot number"))


@bp.get("")
@allowed("kit.replace", KitUnit)
def show(kit_unit: KitUnit) -> ResponseReturnValue:
    return page(kit_unit, ReplacementForm())


@bp.post("/replacement")
@allowed("kit.replace", KitUnit)
def replace(kit_unit: KitUnit) -> ResponseReturnValue:
    form = ReplacementForm()
    if not form.validate_on_submit():
        return page(kit_unit, form, 422)
    handed_in = f"{g.actor.person.name}, {day(today())}"
    try:
        kit_unit.replace(form.expires.data, form.lot.data, handed_in, clock())
    except DomainError as refused:
        return page(kit_unit, form, 409, sentence(refused))
    Audit.note(g.actor, "kit.replace", kit_unit.plan_id, child=kit_unit.plan.child_id)
    flash(_("The new one is noted, the old one is taken off the list."))
    return redirect(back_of(kit_unit), 303)


def back_of(kit_unit: KitUnit) -> str:
    """The family's page of the child, or the plan for the people of the crèche."""
    if access.can(g.actor, "child.read", kit_unit.plan):
        return url_for("children.show", child_id=kit_unit.plan.child_id)
    return url_for("plans.show", plan_id=kit_unit.plan_id)


def page(
    kit_unit: KitUnit, form: ReplacementForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    facts = {"kit_unit": kit_unit, "form": form, "problem": problem, "back": back_of(kit_unit)}
    return render_template("kits/show.html", **facts), status

"""A box or pen of a child's kit: a new one in one tap, and a photo of the place where it is."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import access
from database import DomainError, clock, today
from models import Audit, KitUnit
from shelf import PlacePhoto
from views.fields import one_line, printed, required
from views.guards import allowed
from views.photos import PhotoForm
from views.rendering import day, sentence

bp = Blueprint("kits", __name__, url_prefix="/kits/<uuid:kit_unit_id>")


class ReplacementForm(FlaskForm):
    expires = one_line(_l("Use by, as printed"), required(), printed)
    lot = one_line(_l("Lot number"))


@bp.get("")
@allowed("kit.replace", KitUnit)
def show(kit_unit: KitUnit) -> ResponseReturnValue:
    return page(kit_unit)


@bp.post("/replacement")
@allowed("kit.replace", KitUnit)
def replace(kit_unit: KitUnit) -> ResponseReturnValue:
    form = ReplacementForm()
    if not form.validate_on_submit():
        return page(kit_unit, 422, form=form)
    handed_in = f"{g.actor.person.name}, {day(today())}"
    try:
        kit_unit.replace(form.expires.data, form.lot.data, handed_in, clock())
    except DomainError as refused:
        return page(kit_unit, 409, sentence(refused), form=form)
    Audit.note(g.actor, "kit.replace", kit_unit.plan_id, child=kit_unit.plan.child_id)
    flash(_("The new one is noted, the old one is taken off the list."))
    return redirect(back_of(kit_unit), 303)


@bp.post("/photo")
@allowed("kit.photo", KitUnit)
def take_photo(kit_unit: KitUnit) -> ResponseReturnValue:
    form = PhotoForm()
    made = form.redrawn()
    if made is None:
        return page(kit_unit, 422, photo_form=form)
    try:
        PlacePhoto.take(kit_unit, made, g.actor.person, clock())
    except DomainError as refused:
        return page(kit_unit, 409, sentence(refused))
    return photo_changed(kit_unit, _("The photo of the place is kept."))


@bp.post("/photo/removal")
@allowed("kit.photo", KitUnit)
def remove_photo(kit_unit: KitUnit) -> ResponseReturnValue:
    PlacePhoto.remove(kit_unit)
    return photo_changed(kit_unit, _("The photo is removed."))


def photo_changed(kit_unit: KitUnit, words: str) -> ResponseReturnValue:
    Audit.note(g.actor, "kit.photo", kit_unit.plan_id, child=kit_unit.plan.child_id)
    flash(words)
    return redirect(url_for(".show", kit_unit_id=kit_unit.id), 303)


def back_of(kit_unit: KitUnit) -> str:
    """The family's page of the child, or the plan for the people of the crèche."""
    if access.can(g.actor, "child.read", kit_unit.plan):
        return url_for("children.show", child_id=kit_unit.plan.child_id)
    return url_for("plans.show", plan_id=kit_unit.plan_id)


def page(
    kit_unit: KitUnit,
    status: int = 200,
    problem: str = "",
    form: ReplacementForm | None = None,
    photo_form: PhotoForm | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "kits/show.html",
        kit_unit=kit_unit,
        problem=problem,
        back=back_of(kit_unit),
        form=form or ReplacementForm(formdata=None),
        photo_form=photo_form or PhotoForm(formdata=None),
        photo=PlacePhoto.of(kit_unit.plan_id).get(kit_unit.place),
    )
    return page, status

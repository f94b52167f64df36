"""Devices beside the tablet: a guardian's own phone, and the pass for an outing with its list."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

import offline
from database import DomainError, Sealed, clock
from models import Audit, Child, Device, DeviceKind, DeviceState, Grant, Nursery, Plan
from plan import content_of
from views import held, rosters
from views.fields import hour_line, next_at, one_line, required
from views.guards import allowed, in_nursery
from views.rendering import code, code_page, confirmation, plain, sentence

bp = Blueprint("devices", __name__)


class OutingForm(FlaskForm):
    name = one_line(_l("Name of the phone"), required(), length=60)
    until = hour_line(_l("Ends today at"), required())
    children = SelectMultipleField(
        _l("Children"), widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )

    def validate_children(self, field: SelectMultipleField) -> None:
        if not field.data:
            raise ValidationError(_("Choose at least one child."))


class PhoneForm(FlaskForm):
    name = one_line(_l("Name of the phone"), required(), length=60)


# ── an outing ────────────────────────────────────────────────────────────────────────────────────


@bp.get("/nursery/outing")
@in_nursery("device.manage")
def outing(nursery: Nursery) -> ResponseReturnValue:
    return outing_page(nursery, outing_form(nursery, formdata=None))


@bp.post("/nursery/outing")
@in_nursery("device.manage")
def start_outing(nursery: Nursery) -> ResponseReturnValue:
    """The answer is the page itself: only a hash of the code is kept, so it is shown once."""
    form, now = outing_form(nursery), clock()
    if not form.validate_on_submit():
        return outing_page(nursery, form, 422)
    more = {"kind": DeviceKind.PASS, "ends": next_at(form.until.data, now)}
    more["children"] = [UUID(key) for key in form.children.data]
    try:
        device, letters = offline.invite(
            nursery, None, form.name.data, True, g.actor.person, now, **more
        )
    except DomainError as refused:
        return outing_page(nursery, form, 409, sentence(refused))
    Audit.note(g.actor, "device.invite", device.id)
    return code_page(device, letters)


@bp.get("/nursery/outing/<uuid:device_id>")
@allowed("device.manage", Device)
def outing_list(device: Device) -> ResponseReturnValue:
    """On paper as well: whom to call, what to take along, where each plan is."""
    children = Child.select().where(
        Child.id.in_(Grant.select(Grant.child).where(Grant.is_running(), Grant.within(device)))
    )
    rows = {child.id: child for child in Sealed.open_all(children)}
    plans = Plan.select().where(Plan.child.in_(list(rows)), Plan.current.is_null(False))
    lines = sorted((line_of(plan) for plan in plans), key=lambda line: plain(line["child"].name))
    for line in lines:
        Audit.note_reading(g.actor, "plan.print", line["plan"].id, line["child"].id)
    return render_template("devices/outing_list.html", device=device, lines=lines)


def line_of(plan: Plan) -> dict[str, Any]:
    shown = held.plan_facts(plan, code())
    content = content_of(plan.current)
    return {
        "plan": plan,
        "child": plan.child,
        "conditions": content.conditions,
        "stopped": held.is_stopped(plan.current),
        "contacts": shown["emergency"],
        "units": shown["units"],
        "medicines": content.medicines,
    }


def held_by(nursery: Nursery) -> list[Child]:
    running = Grant.select(Grant.child).where(Grant.nursery == nursery, Grant.is_running())
    shown = Plan.select(Plan.child).where(Plan.current.is_null(False))
    children = Child.select().where(Child.id.in_(running), Child.id.in_(shown))
    return sorted(Sealed.open_all(children), key=lambda child: plain(child.name))


def outing_form(nursery: Nursery, **more: Any) -> OutingForm:
    form = OutingForm(**more)
    form.children.choices = [(str(child.id), child.name) for child in held_by(nursery)]
    return form


def outing_page(
    nursery: Nursery, form: OutingForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    outings = [
        row.device
        for row in rosters.devices(nursery, clock())
        if row.device.kind == DeviceKind.PASS and row.device.state in Device.OPEN
    ]
    page = render_template("devices/outing.html", form=form, outings=outings, problem=problem)
    return page, status


# ── a guardian's own phone ───────────────────────────────────────────────────────────────────────


@bp.get("/account/devices")
@allowed("device.own")
def own() -> ResponseReturnValue:
    return own_page(PhoneForm(formdata=None))


@bp.post("/account/devices")
@allowed("device.own")
def add_own() -> ResponseReturnValue:
    """No code to type and nobody to approve it: this very browser claims it on the next page."""
    form = PhoneForm()
    if not form.validate_on_submit():
        return own_page(form, 422)
    try:
        device, letters = offline.own_phone(g.actor.person, form.name.data, clock())
    except DomainError as refused:
        return own_page(form, 409, sentence(refused))
    Audit.note(g.actor, "device.invite", device.id)
    return redirect(f"{url_for('sync.enrol')}#{letters}", 303)


@bp.get("/account/devices/<uuid:device_id>/removal")
@allowed("device.end", Device)
def own_removal(device: Device) -> ResponseReturnValue:
    return confirmation(
        _("Remove the phone “%(name)s”?", name=device.name),
        _("It erases its plans at its next contact. Until then it may still hold them."),
        _("Remove"),
        url_for(".own"),
        "account",
        rosters.held_by(device),
    )


@bp.post("/account/devices/<uuid:device_id>/removal")
@allowed("device.end", Device)
def remove_own(device: Device) -> ResponseReturnValue:
    offline.end(device, DeviceState.REVOKED, clock())
    Audit.note(g.actor, "device.remove", device.id)
    flash(_("Removed. It erases its plans at its next contact."))
    return redirect(url_for(".own"), 303)


def own_page(form: PhoneForm, status: int = 200, problem: str = "") -> ResponseReturnValue:
    which = (Device.kind == DeviceKind.FAMILY) & (Device.person == g.actor.person_id)
    rows = rosters.devices_where(which, clock())
    page = render_template("devices/own.html", devices=rows, form=form, problem=problem)
    return page, status

"""Links that work once, as a person opens them: looking spends nothing, the button does."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import nurseries
from database import DomainError, clock
from models import Audit, Staff
from views.guards import allowed, no_such_link
from views.rendering import sentence

bp = Blueprint("invitations", __name__, url_prefix="/invitations")


@bp.get("/<token>")
@allowed("invitation.take")
def show(token: str) -> ResponseReturnValue:
    return page(staff_of(token), token)


@bp.post("/<token>")
@allowed("invitation.take")
def take(token: str) -> ResponseReturnValue:
    staff = staff_of(token)
    try:
        nurseries.join(token, g.actor.person, clock())
    except DomainError as refused:
        return page(staff, token, 409, sentence(refused))
    Audit.note(g.actor, "staff.join", staff.id)
    flash(_("Welcome. You now work at %(nursery)s.", nursery=staff.nursery.name))
    return redirect(url_for("nursery.manage", nursery=staff.nursery_id), 303)


def staff_of(token: str) -> Staff:
    return nurseries.invited(token, clock()) or no_such_link("invitation")


def page(staff: Staff, token: str, status: int = 200, problem: str = "") -> ResponseReturnValue:
    words = render_template("nursery/join.html", staff=staff, token=token, problem=problem)
    return words, status

"""`/demo`: one button for each of the cast. Only with DEMO=1, and only on loopback."""

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

import offline
from database import Sealed, clock
from models import Nursery, Person, Staff, StaffRole
from views.account import start_session

bp = Blueprint("demonstration", __name__)

# The sealed name of each person of the cast, and what to say beside the button.
CAST = {
    "Inês Santos": _l("mother of Léo"),
    "Marc Weber": _l("father of Léo"),
    "Ivan Kovac": _l("father of Mia"),
    "Aoife O'Brien": _l("mother of Noah"),
    "Sami Ben Youssef": _l("manager of the crèche “Bei der Baach”"),
    "Tessa Klein": _l("works there"),
    "Olga Petrova": _l("manager of another crèche, “Villa Kueb”"),
    "Noor Haddad": _l("nurse of the service"),
    "Zoé Marchand": _l("expecting, no link to anybody"),
    "Admin": _l("sets up crèches; cannot read plans"),
}


@bp.get("/demo")
def show() -> ResponseReturnValue:
    return render_template("welcome/demo.html", cast=CAST)


@bp.post("/demo/<slug>")
def sign_in(slug: str) -> ResponseReturnValue:
    people = Sealed.open_all(Person.select())
    person = next((one for one in people if one.name == slug), None) or abort(404)
    return start_session(person, redirect(url_for("welcome.show"), 303))


@bp.post("/demo/tablet")
def tablet() -> ResponseReturnValue:
    """Enrol this very browser as the crèche's tablet, the manager's part done already."""
    manager = Staff.running().where(Staff.role == StaffRole.MANAGER).order_by(Staff.created).first()
    nursery = Nursery.get_by_id(manager.nursery_id)
    _, code = offline.invite(
        nursery,
        None,
        "Demo",
        can_call=False,
        by=manager.person,
        now=clock(),
        approved_by=manager.person,
    )
    return redirect(f"{url_for('sync.enrol')}#{code}", 303)

"""The services and the PAI, explained to everybody: facts from the database, each with its date."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

import services
from database import today
from offices import Centre
from services import Rule

bp = Blueprint("services", __name__)

DATES = 6  # of each opening rule
MONDAY = date(2024, 1, 1)
OFFICES = {
    "emergency": _l("In an emergency"),
    "spse": _l("Child Health Promotion service"),
    "one": _l("Office national de l’enfance (ONE)"),
    "other": _l("Other addresses"),
}
# Where a service is asked for in the app.
DOORS = {
    "tele-consultation": ("/requests/new?kind=1", _l("Ask for a tele-consultation")),
    "cnje": ("/requests/new?kind=2", _l("Ask for an appointment")),
    "home-visit": ("/requests/new?kind=3", _l("Ask for a home visit")),
    "ward-visit": ("/requests/new?kind=4", _l("Ask for a visit on the ward")),
    "info-sante": ("/info-sante", _l("See the sessions")),
    "training": ("/training", _l("See the trainings")),
    "one": ("/help", _l("Find the right help")),
    "school-medicine": ("/pai", _l("How to get a PAI")),
    "cnpd": ("/privacy", _l("Your rights")),
}


@bp.get("/services")
def index() -> ResponseReturnValue:
    facts = services.by_slug().values()
    groups = {office: [row for row in facts if row.office == office] for office in OFFICES}
    return render_template(
        "services/index.html",
        offices=OFFICES,
        groups=groups,
        doors=DOORS,
        openings=[opening for centre in services.centres() for opening in openings(centre)],
    )


@bp.get("/pai")
def pai() -> ResponseReturnValue:
    division = services.by_slug("school-medicine").get("school-medicine")
    return render_template("services/pai.html", division=division)


@bp.get("/pai/questions")
def questions() -> ResponseReturnValue:
    return render_template("services/questions.html")


# ── opening rules ────────────────────────────────────────────────────────────────────────────────


def openings(centre: Centre) -> list[dict[str, Any]]:
    """Each rule of the centre in words, with its next dates and which of them is a holiday."""
    return [
        {
            "centre": centre,
            "rule": rule,
            "when": when(rule),
            "since": rule.since if rule.since <= today().isoformat() else "",
            "days": [
                (day, services.is_holiday(day)) for day in services.next_days(rule, today(), DATES)
            ],
        }
        for rule in services.rules_of(centre)
    ]


def when(rule: Rule) -> str:
    weekday = format_date(MONDAY + timedelta(days=rule.weekday), "EEEE")
    return {
        0: _("Every %(weekday)s", weekday=weekday),
        1: _("First %(weekday)s of the month", weekday=weekday),
        2: _("Second %(weekday)s of the month", weekday=weekday),
        3: _("Third %(weekday)s of the month", weekday=weekday),
        4: _("Fourth %(weekday)s of the month", weekday=weekday),
    }[rule.nth]

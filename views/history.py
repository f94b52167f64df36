"""Who changed what in a plan, field by field, and how a version that is no longer in force read."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

import offline
import phrases
import plan as document
from database import Sealed
from differences import Change, changes
from endings import Stop, stop_of
from models import Audit, Person, Plan, PlanVersion
from plan import Line, Listed, SignGroup, content_of
from views import held, words
from views.guards import allowed
from views.rendering import code, day, language_name

bp = Blueprint("history", __name__, url_prefix="/plans/<uuid:plan_id>")

SHOWN = 20  # versions on a page
ACTS_SHOWN = 50
HIGHEST = 10**6  # no plan has as many versions, and databases know no larger numbers than 2^31
# What is no part of a version, and live at once: the audit knows who changed it and when.
LIVE = (
    *("child.edit", "child.photo", "contact.edit", "note.edit", "signatures.edit"),
    *("kit.edit", "kit.replace", "kit.photo", "kit.hand-back"),
)
FIELDS = {
    "condition": _l("Condition"),
    "title": _l("Title on the paper"),
    "severity": _l("How severe"),
    "rule": _l("How many of the signs"),
    "language": _l("Language of the paper"),
    "edition": _l("Code of the form"),
    "renewal": _l("Kind of plan"),
    "valid_from": _l("Valid from"),
    "valid_until": _l("Valid until"),
    "indefinite": _l("Without an end: the paper says so"),
    "review_on": _l("To be reviewed on"),
    "name": _l("Name"),
    "substance": _l("What is in it"),
    "form": _l("Form of the medicine"),
    "strength": _l("Strength"),
    "dose": _l("Dose"),
    "route": _l("Route"),
    "daily": _l("Every day"),
    "spare": _l("The crèche’s own one may be used"),
    "prescribed": _l("Prescription"),
    "sheets": _l("Condition"),
    "groups": _l("Group of signs"),
    "medicines": _l("Medicine"),
}
VALUES = {
    "condition": words.CONDITIONS,
    "severity": words.SEVERITIES,
    "rule": words.RULES,
    "renewal": words.RENEWALS,
    "spare": words.ANSWERS,
}


@dataclass(frozen=True)
class Said:
    """A change in the reader's words; `lang`: of what stands there as on the paper."""

    place: str
    before: str | None
    after: str | None
    lang: str


@dataclass(frozen=True)
class Step:
    """A version and how it differs from the one before; None: there is none before."""

    version: PlanVersion
    stop: Stop | None
    changes: tuple[Said, ...] | None


@bp.get("/history")
@allowed("plan.versions", Plan)
def show(plan: Plan) -> ResponseReturnValue:
    before = request.args.get("before", HIGHEST, type=int)
    rows = plan.versions.where(PlanVersion.no < min(before, HIGHEST))
    newest = rows.order_by(PlanVersion.no.desc()).limit(SHOWN + 2)  # a stop compares with nothing
    versions = Sealed.open_all(newest)
    acts = acts_of(plan) if before >= HIGHEST else []
    return render_template(
        "history/show.html",
        plan=plan,
        steps=steps_of(versions)[:SHOWN],
        older=versions[SHOWN - 1].no if len(versions) > SHOWN else None,
        acts=acts,
        people=Person.names({row.author_id for row in versions} | {act.person for act in acts}),
    )


@bp.get("/versions/<int:no>")
@allowed("plan.versions", Plan)
def version(plan: Plan, no: int) -> ResponseReturnValue:
    """The page as it was. What is in force has its own address."""
    row = plan.versions.where(PlanVersion.no == min(no, HIGHEST)).first() or abort(404)
    if row.id == plan.current_id:
        return redirect(url_for("plans.show", plan_id=plan.id), 303)
    page = held.former(row, code())
    return offline.stamped(page, "t-red", _("Version %(no)s: no longer in use", no=no))


def acts_of(plan: Plan) -> list[Audit]:
    rows = Audit.select().where(
        Audit.child == plan.child_id, Audit.action.in_(LIVE), Audit.outcome == "done"
    )
    return list(rows.order_by(Audit.created.desc(), Audit.id).limit(ACTS_SHOWN))


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def steps_of(versions: list[PlanVersion]) -> list[Step]:
    """The newest first; beside each the differences from the version before that was no stop."""
    steps = []
    for n, row in enumerate(versions):
        older = next((one for one in versions[n + 1 :] if not stop_of(one)), None)
        stop = stop_of(row)
        told = None if stop or older is None else differences(older, row)
        steps.append(Step(row, stop, told))
    return steps


def differences(before: PlanVersion, after: PlanVersion) -> tuple[Said, ...]:
    old, new = content_of(before), content_of(after)
    said = [said_of(change, new.language) for change in changes(old, new)]
    if before.scan_id != after.scan_id:
        said.append(Said(_("The signed paper"), None, _("photographed again"), ""))
    return tuple(said)


def said_of(change: Change, paper: str) -> Said:
    here = change.after if change.after is not None else change.before
    lang = here.lang if isinstance(here, Line) else paper if change.name in AS_WRITTEN else ""
    place = " · ".join([*map(name_of, change.within), label_of(change)])
    return Said(
        place, text_of(change.name, change.before), text_of(change.name, change.after), lang
    )


AS_WRITTEN = ("title", "name", "strength", "dose", "route")


def label_of(change: Change) -> str:
    kind, _dot, box = change.name.partition(".")
    if kind == "switches":
        return str(words.SWITCHES.get(box, box))
    return str(FIELDS.get(kind) or words.LISTS.get(kind) or kind)


def name_of(thing: Listed) -> str:
    """What a reader calls a sheet, a group or a medicine."""
    if isinstance(thing, document.Sheet):
        kind = words.CONDITIONS[thing.condition]
    elif isinstance(thing, SignGroup):
        kind = words.SEVERITIES[thing.severity]
    else:
        kind = getattr(thing, "name", "") or _("Medicine")
    return ", ".join(filter(None, (str(kind), getattr(thing, "title", ""))))


def text_of(name: str, value: Any) -> str | None:
    """None where nothing was or is; what is empty was not on the paper."""
    if value is None:
        return None
    if isinstance(value, Line):
        chosen = [phrases.render(part.phrase, part.params, code()) for part in value.meant]
        same = _("means the same: %(sentence)s", sentence=", ".join(chosen)) if chosen else ""
        return f"{value.text} ({same})" if same else value.text
    if isinstance(value, Listed):
        return name_of(value)
    if isinstance(value, bool) or name.startswith("switches."):
        return str(words.ANSWERS["yes" if value is True else "no" if value is False else value])
    return str(in_words(name, value) or words.ANSWERS[""])


def in_words(name: str, value: Any) -> Any:
    if name == "language":
        return language_name(value)
    if name in ("valid_from", "valid_until", "review_on"):
        return day(value)
    return VALUES.get(name, {}).get(value, value)

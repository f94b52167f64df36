"""What readers say of the pages, read at the desk; it cannot be answered."""

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, abort, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from offices import Feedback
from views.guards import allowed

bp = Blueprint("desk_feedback", __name__, url_prefix="/desk/feedback")

EACH = 25


@bp.get("")
@allowed("desk.feedback")
def index() -> ResponseReturnValue:
    rows = Feedback.visible_to(g.actor).order_by(Feedback.created.desc(), Feedback.id.desc())
    if after := request.args.get("after"):
        rows = rows.where(older(after))
    said = Feedback.open_all(rows.limit(EACH + 1))
    more = url_for(".index", after=mark(said[EACH - 1])) if len(said) > EACH else ""
    return render_template(
        "desk/feedback.html",
        said=said[:EACH],
        more=more,
        averages=[] if after else list(Feedback.averages()),
        address=address,
    )


def mark(row: Feedback) -> str:
    return f"{row.created.isoformat()}_{row.id}"


def older(after: str) -> object:
    """What comes below this row: its day may have many, their ids decide."""
    day, _, key = after.partition("_")
    try:
        created, row = datetime.fromisoformat(day).astimezone(UTC), UUID(key)
    except (ValueError, OverflowError):
        abort(404)
    same_day = (Feedback.created == created) & (Feedback.id < row)
    return (Feedback.created < created) | same_day


def address(endpoint: str) -> str:
    """`/children/…/edit` for a page that somebody saw."""
    try:
        rule = next(current_app.url_map.iter_rules(endpoint)).rule
    except KeyError:
        return ""  # a page of an earlier release, or none was named
    return "/".join("…" if "<" in part else part for part in rule.split("/"))

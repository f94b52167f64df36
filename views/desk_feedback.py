"""What readers say of the pages, read at the desk; it cannot be answered."""

from uuid import UUID

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from database import paged
from offices import Feedback
from views.guards import allowed

bp = Blueprint("desk_feedback", __name__, url_prefix="/desk/feedback")

EACH = 25


@bp.get("")
@allowed("desk.feedback")
def index() -> ResponseReturnValue:
    after, rows = request.args.get("after", type=UUID), Feedback.visible_to(g.actor)
    said, older = paged(rows, Feedback.created, after, EACH, newest_first=True)
    return render_template(
        "desk_feedback/index.html",
        said=Feedback.open_all(said),
        older=older,
        averages=[] if after else list(Feedback.averages()),
        address=address,
    )


def address(endpoint: str) -> str:
    """`/children/…/edit` for a page that somebody saw."""
    try:
        rule = next(current_app.url_map.iter_rules(endpoint)).rule
    except KeyError:
        return ""  # a page of an earlier release, or none was named
    return "/".join("…" if "<" in part else part for part in rule.split("/"))

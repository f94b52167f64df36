"""The nurse's desk: the queue of requests, and their answers."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from views.guards import allowed

bp = Blueprint("desk", __name__, url_prefix="/desk")


@bp.get("")
@allowed("desk.requests")
def index() -> ResponseReturnValue:
    return render_template("desk/index.html")

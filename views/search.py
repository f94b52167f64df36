"""Search over services, sessions, help and PAI pages."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("search", __name__)


@bp.get("/search")
def show() -> ResponseReturnValue:
    return render_template("search/show.html")

"""What readers say of a page; nothing tells who."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("feedback", __name__)


@bp.get("/feedback")
def show() -> ResponseReturnValue:
    return render_template("feedback/show.html")

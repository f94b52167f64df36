"""Help for a child in distress: the pages of the ONE. They leave no trace."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("help", __name__)


@bp.get("/help")
def show() -> ResponseReturnValue:
    return render_template("help/show.html")

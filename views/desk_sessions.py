"""Sessions as the desk makes and changes them, and who comes."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from views.guards import allowed

bp = Blueprint("desk_sessions", __name__, url_prefix="/desk/info-sante")


@bp.get("")
@allowed("desk.sessions")
def index() -> ResponseReturnValue:
    return render_template("desk/sessions.html")

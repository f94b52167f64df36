"""The facts about the services, edited at the desk, and what readers say of the pages."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from views.guards import allowed

bp = Blueprint("desk_services", __name__, url_prefix="/desk/services")


@bp.get("")
@allowed("desk.services")
def index() -> ResponseReturnValue:
    return render_template("desk/services.html")

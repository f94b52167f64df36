"""What a family asks of the service, and where each request stands."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from views.guards import allowed

bp = Blueprint("requests", __name__, url_prefix="/requests")


@bp.get("")
@allowed("request.list")
def index() -> ResponseReturnValue:
    return render_template("requests/index.html")

"""Info-Santé sessions for everybody, PAI trainings for the staff of nurseries."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("info_sante", __name__)


@bp.get("/info-sante")
def index() -> ResponseReturnValue:
    return render_template("info_sante/index.html")

"""Rights, and what happens to data."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

import services

bp = Blueprint("privacy", __name__)


@bp.get("/privacy")
def show() -> ResponseReturnValue:
    return render_template("privacy/show.html", services=services.by_slug("spse", "cnpd"))

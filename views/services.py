"""The services and the PAI, explained to everybody."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("services", __name__)


@bp.get("/services")
def index() -> ResponseReturnValue:
    return render_template("services/index.html")


@bp.get("/pai")
def pai() -> ResponseReturnValue:
    return render_template("services/pai.html")

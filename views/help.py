"""Help for a child in distress: the pages of the ONE. They leave no trace.

No token, no cookie, no audit, no row. The check sends nothing: the page itself shows the answer.
"""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

import services

bp = Blueprint("help", __name__)


@bp.get("/help")
def show() -> ResponseReturnValue:
    return render_template("help/show.html", services=services.by_slug())

"""Search over services, sessions, help and PAI pages. By POST: no word lands in an address."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import services
from database import clock
from views.fields import one_line
from views.finding import find as hits_of
from views.guards import caller, slow_down
from views.rendering import code, page_or_fragment

bp = Blueprint("search", __name__)

SEARCHES = 900  # from one address in an hour: it asks while one types


class SearchForm(FlaskForm):
    q = one_line(_l("What are you looking for?"))


@bp.get("/search")
def show() -> ResponseReturnValue:
    return page(SearchForm())


@bp.post("/search")
def find() -> ResponseReturnValue:
    form = SearchForm()
    if not form.validate_on_submit():
        return page(form, 422)
    slow_down(f"search:{caller()}", SEARCHES)
    hits = hits_of(form.q.data, code(), clock())
    return page(form, hits=hits if form.q.data else None)


def page(form: SearchForm, status: int = 200, hits: list | None = None) -> ResponseReturnValue:
    """`hits` is None where nothing was asked."""
    return page_or_fragment(
        "search/show.html",
        "search/_hits.html",
        status,
        form=form,
        hits=hits,
        line=services.by_slug("info-maman").get("info-maman") if hits == [] else None,
    )

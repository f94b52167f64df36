"""What a person was told, newest first; opening the list marks it as read."""

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from database import Sealed, clock
from offices import Notice
from views import mails
from views.guards import allowed

bp = Blueprint("notices", __name__, url_prefix="/notices")

SHOWN = 50


@bp.get("")
@allowed("notice.list")
def index() -> ResponseReturnValue:
    newest = Notice.visible_to(g.actor).order_by(Notice.created.desc(), Notice.id).limit(SHOWN)
    notices = Sealed.open_all(newest)
    unread = [notice.id for notice in notices if notice.read is None]
    if unread:
        Notice.update(read=clock()).where(Notice.id.in_(unread)).execute()
    return render_template("notices/index.html", notices=notices, mails=mails)

"""What the code puts on devices: how pages are rendered, what they load, the words of the stamp."""

import hashlib
from datetime import datetime
from functools import cache

from flask import g
from flask_babel import lazy_gettext as _l
from peewee import OperationalError

import offline
from database import local
from offline import Owner, Release
from views import held
from views.machine import WORKER
from views.rendering import STATIC, asset, build, code
from views.words import everywhere

# What held pages load: fetched before a copy is used, kept while it is held.
ASSETS = ("app.css", "icons.svg", "held.js", "tablet.js", "emergency.js")

# The status line of a held page. Digits only: a device knows no Luxembourgish month.
STAMP = {
    "today": _l("Checked today {time}"),
    "yesterday": _l("Checked yesterday {time}"),
    "day": _l("Not checked for {n} day"),
    "days": _l("Not checked for {n} days"),
    "unknown": _l("It is not known when this was last checked: look at the device's date."),
    "warn": _l("Without a check it will be erased on {day}.{month}.{year}."),
    "expiring": _l("It will be erased in 24 hours: connect this device."),
    "ended": _l("Sharing ended on {day}.{month}.{year}."),
    "unconfirmed": _l("The service did not confirm this plan."),
    # In place of a page that is not here.
    "missing": _l("This plan is not on this device. Use the paper plan. Emergency: 112."),
    "damaged": _l("This copy is damaged and not shown. Use the paper plan. Emergency: 112."),
    "erased": _l("This plan was erased from this device on {day}.{month}.{year}."),
    "waits": _l("{n} entry waits on this tablet until it can be sent."),
    "wait": _l("{n} entries wait on this tablet until they can be sent."),
    "left": _l(
        "The plans are gone from this phone. The service is told as soon as there is a connection."
    ),
    "unsent": _l("Nothing was sent: no connection. Go back and try again."),
}


@cache
def release() -> Release:
    """Made once a process; needs an app context for the words."""
    return Release(
        build=build(),
        worker=WORKER,
        render=held.render,
        assets={
            asset(name): hashlib.sha256((STATIC / name).read_bytes()).hexdigest() for name in ASSETS
        },
        words=everywhere(STAMP),
    )


def rendered_now(owner: Owner, kind: str, now: datetime) -> str:
    """Stored for the next reader where possible: a full disk keeps nobody from reading."""
    try:
        offline.render(owner, release(), now)
    except OperationalError:
        return held.render(kind, code(), owner)
    return offline.page(owner.id, kind, code(), build())


def online(owner: Owner, kind: str, now: datetime) -> str:
    """A held page as the network gives it: the same text, rendered if due, its stamp filled."""
    page = None
    if owner.changes == owner.rendered:
        page = offline.page(owner.id, kind, code(), build())
    if page is None:
        page = rendered_now(owner, kind, now)
    today = local(now).date().isoformat()
    page = offline.stamped(page, *offline.stamp(now, now, release().words[code()]), today)
    # To a tablet its worker answers from the copy: what comes from here, it does not hold.
    return page.replace(" data-today=", " data-device data-today=", 1) if g.actor.device else page

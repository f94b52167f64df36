"""One-time links of a mail: opening one decides nothing, only the button on its page does."""

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

import booking
import services
from database import DomainError, clock
from models import Audit
from offices import Registration, Slot
from views.guards import WRONG_LINKS, caller, slow_down
from views.rendering import sentence

bp = Blueprint("links", __name__)


@bp.get("/times/<token>")
def time(token: str) -> ResponseReturnValue:
    slot = booking.by_link(token, clock())
    return time_page(slot, token) if slot else gone("times")


@bp.post("/times/<token>")
def take_time(token: str) -> ResponseReturnValue:
    slot = booking.by_link(token, clock())
    if slot is None:
        return gone("times")
    try:
        booking.accept(slot, slot.care_request.person, clock(), token)
    except DomainError as refused:
        return gone("times", sentence(refused))
    Audit.note(g.actor, "request.choose-by-link", slot.care_request_id)
    return time_page(slot, token, taken=True)


def time_page(slot: Slot, token: str, taken: bool = False) -> ResponseReturnValue:
    """When and where, and whom to call: whoever holds the mail reads no more than it says."""
    centre = slot.care_request.centre
    facts = {"slot": slot, "centre": centre, "token": token, "taken": taken}
    return render_template("links/time.html", phone=phone(), **facts)


# ── seats ────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/offers/<token>")
def offer(token: str) -> ResponseReturnValue:
    place = booking.seat_by_link(token, booking.OFFER, clock())
    return seat_page(place, token, "offer") if place else gone("seats")


@bp.post("/offers/<token>")
def take_seat(token: str) -> ResponseReturnValue:
    place = booking.seat_by_link(token, booking.OFFER, clock())
    if place is None:
        return gone("seats")
    try:
        booking.take_offer(place, clock(), token)
    except DomainError as refused:
        return gone("seats", sentence(refused))
    return seat_page(place, token, "taken")


@bp.get("/departures/<token>")
def departure(token: str) -> ResponseReturnValue:
    place = booking.seat_by_link(token, booking.LEAVE, clock())
    return seat_page(place, token, "leave") if place else gone("seats")


@bp.post("/departures/<token>")
def leave(token: str) -> ResponseReturnValue:
    place = booking.seat_by_link(token, booking.LEAVE, clock())
    if place is None:
        return gone("seats")
    try:
        booking.leave_by_link(place, token, clock())
    except DomainError as refused:
        return gone("seats", sentence(refused))
    return seat_page(place, token, "left")


def seat_page(place: Registration, token: str, state: str) -> ResponseReturnValue:
    facts = {"place": place, "info_session": place.info_session, "token": token, "state": state}
    return render_template("links/seat.html", phone=phone(), **facts)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def gone(kind: str, problem: str = "") -> ResponseReturnValue:
    """Kindly, since most often it is the family itself; who tries many is slowed down."""
    slow_down(f"{kind}:{caller()}", WRONG_LINKS * 3)
    return render_template("links/gone.html", phone=phone(), problem=problem), 410


def phone() -> str:
    return services.by_slug("spse")["spse"].phone

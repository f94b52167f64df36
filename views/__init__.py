"""The places of the app: one module per place, listed once."""

from flask import Blueprint

from views import (
    account,
    children,
    demonstration,
    desk,
    desk_services,
    desk_sessions,
    editing,
    endings,
    feedback,
    hand_over,
    help,
    history,
    info_sante,
    invitations,
    machine,
    notices,
    nursery,
    plans,
    privacy,
    requests,
    search,
    services,
    sync,
    welcome,
)

PLACES = (
    welcome,
    account,
    children,
    plans,
    editing,
    endings,
    history,
    hand_over,
    nursery,
    invitations,
    requests,
    notices,
    info_sante,
    services,
    help,
    privacy,
    feedback,
    search,
    desk,
    desk_sessions,
    desk_services,
    sync,
    machine,
)
BLUEPRINTS: tuple[Blueprint, ...] = tuple(place.bp for place in PLACES)
DEMO_BLUEPRINTS: tuple[Blueprint, ...] = (demonstration.bp,)

"""The places of the app: one module per place, listed once."""

from flask import Blueprint

from views import (
    account,
    children,
    demonstration,
    editing,
    invitations,
    machine,
    nursery,
    plans,
    sync,
    welcome,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    welcome.bp,
    account.bp,
    children.bp,
    plans.bp,
    editing.bp,
    nursery.bp,
    invitations.bp,
    sync.bp,
    machine.bp,
)
DEMO_BLUEPRINTS: tuple[Blueprint, ...] = (demonstration.bp,)

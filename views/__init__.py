"""The places of the app: one module per place, listed once."""

from flask import Blueprint

from views import (
    account,
    children,
    demonstration,
    editing,
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
    sync.bp,
    machine.bp,
)
DEMO_BLUEPRINTS: tuple[Blueprint, ...] = (demonstration.bp,)

"""The command line: set up, migrate, due work, checks. Imported by the factory only."""

from itertools import groupby
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo

import deadlines
import demo
import endings
import nurseries
import offline
import plan
import sealing
import services
from database import clock, db, migrations
from models import Person, Plan, PlanVersion
from offices import LetterDraft
from plan import faults
from views.mails import send_due
from views.release import release
from ward import WardVisit


def register(app: Flask) -> None:
    for command in (setup, migrate, load_demo, found, due, rotate, plans):
        app.cli.add_command(command)


def is_running() -> bool:
    """Whether a flask command loads the app: one of them brings the database to its schema."""
    context = click.get_current_context(silent=True)
    return context is not None and context.find_object(ScriptInfo) is not None


@click.command("setup")
@click.pass_context
def setup(context: click.Context) -> None:
    """Everything a first start needs, and harmless before every later one."""
    context.invoke(migrate)
    plan.give_codes()
    services.load()
    if current_app.config["DEMO"]:
        context.invoke(load_demo)
    context.invoke(due)


@click.command("migrate")
def migrate() -> None:
    """Bring the database to the schema of this code."""
    db.connect(reuse_if_open=True)
    for name in migrations().up():
        click.echo(f"migrated: {name}")


@click.command("demo")
def load_demo() -> None:
    """Load the demo cast into an empty database."""
    if not current_app.config["DEMO"]:
        raise click.ClickException("DEMO=1 is not set")
    if not Person.select().exists():
        demo.load(clock())


@click.command("found-nursery")
@click.argument("name")
@click.argument("manager")
def found(name: str, manager: str) -> None:
    """Add a nursery NAME and print the link that invites its MANAGER."""
    nursery, secret = nurseries.found(name, manager, clock())
    origin = current_app.config["ORIGINS"][0]
    click.echo(f"code for families: {nursery.code}")
    click.echo(f"link for the manager, once, 7 days: {origin}/invitations/{secret}")


@click.command("run-due")
def due() -> None:
    """Render, tell and send what is due, as a timer would."""
    count = mails = 0
    while done := offline.render_due(release(), clock()):  # some at a time
        count += done
    endings.tell_due(clock())
    deadlines.tell_due(clock())
    LetterDraft.forget_old(clock())
    WardVisit.forget_old(clock())
    while done := send_due(clock(), most=50):
        mails += done
    click.echo(f"rendered: {count}, sent: {mails}")


@click.command("rotate-signing-key")
@click.argument("reserve", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--leaked", is_flag=True, help="Devices read what the old key signed no more.")
def rotate(reserve: Path, leaked: bool) -> None:
    """Sign with the key in RESERVE from now on; a new reserve takes its place in that file."""
    try:
        sealing.rotate(Path(current_app.config["KEYS"]), reserve, leaked)
    except (OSError, ValueError, sealing.KeysMissing) as reason:
        raise click.ClickException(str(reason)) from reason
    click.echo(f"Restart the service. Then move {reserve} off this machine again.")


@click.group("plans")
def plans() -> None:
    """What is on record of plans."""


@plans.command("verify")
def verify() -> None:
    """Walk the chain of every plan's versions: words, hash, signature, the version before."""
    rows = PlanVersion.select(PlanVersion, Plan).join(Plan, on=(PlanVersion.plan == Plan.id))
    ordered = rows.order_by(PlanVersion.plan, PlanVersion.no)
    broken = 0
    for plan_id, group in groupby(ordered, key=lambda version: version.plan_id):
        versions = list(group)
        for fault in faults(plan_id, versions[0].plan.current_id, versions):
            broken += 1
            click.echo(fault)
    if broken:
        raise click.ClickException(f"{broken} faults: these plans are not what was signed")

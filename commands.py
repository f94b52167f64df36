"""The command line: set up, migrate, due work, checks. Imported by the factory only."""

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo

import demo
import nurseries
import offline
import plan
import sealing
import services
from database import clock, db, migrations
from models import Person, PlanVersion
from plan import fingerprint
from views.mails import send_due
from views.release import release


def register(app: Flask) -> None:
    for command in (setup, migrate, load_demo, found, due, verify):
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
    """Render and send what is due, as a timer would."""
    count = mails = 0
    while done := offline.render_due(release(), clock()):  # some at a time
        count += done
    while done := send_due(clock(), most=50):
        mails += done
    click.echo(f"rendered: {count}, sent: {mails}")


@click.command("verify")
def verify() -> None:
    """Walk the chain of every plan's versions: words, hash, signature, the version before."""
    current, _ = sealing.public_keys()
    broken = 0
    before = {}
    for version in PlanVersion.select().order_by(PlanVersion.plan, PlanVersion.no):
        sound = (
            fingerprint(version) == version.hash
            and before.get(version.plan_id, "") == version.prev_hash
            and sealing.verify(
                current, "kannerplang-plan-1", version.hash.encode(), bytes(version.signature)
            )
        )
        before[version.plan_id] = version.hash
        if not sound:
            broken += 1
            click.echo(f"broken: plan {version.plan_id} version {version.no}")
    if broken:
        raise click.ClickException(f"{broken} versions are not what was signed")

"""The command line: set up, migrate, due work, checks. Imported by the factory only."""

import click
from flask import Flask, current_app

import demo
import offline
import sealing
from models import Person, PlanVersion, clock, db, migrations
from plan import fingerprint
from views.release import release


def register(app: Flask) -> None:
    for command in (setup, migrate, load_demo, due, verify):
        app.cli.add_command(command)


@click.command("setup")
@click.pass_context
def setup(context: click.Context) -> None:
    """Everything a first start needs, and harmless before every later one."""
    context.invoke(migrate)
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


@click.command("run-due")
def due() -> None:
    """Render what is due, as a timer would."""
    click.echo(f"rendered: {offline.render_due(release(), clock())}")


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

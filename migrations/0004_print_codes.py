"""The code of a version's text, as its prints carry it. `flask setup` fills in the older ones."""

from peewee import CharField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("plan_version", "code", CharField(null=True, index=True)))

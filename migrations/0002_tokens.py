"""Links that work once: the invitation of a colleague is the first."""

from peewee import BlobField, CharField, Database, DateTimeField, Model, UUIDField
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Token(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        hash = BlobField(unique=True)
        purpose = CharField()
        about = UUIDField(index=True)
        until = DateTimeField()

        class Meta:
            database = db
            table_name = "token"

    db.create_tables([Token])

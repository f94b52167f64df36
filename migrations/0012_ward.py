"""The unsent draft of an application for help."""

from peewee import BlobField, Database, DateTimeField, Model, UUIDField
from peewee import ForeignKeyField as Key
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Table(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()

        class Meta:
            database = db
            legacy_table_names = False

    class DataKey(Table):
        pass

    class Person(Table):
        pass

    class LetterDraft(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        person = Key(Person, column_name="person_id", unique=True, on_delete="CASCADE")
        edited = DateTimeField()

    db.create_tables([LetterDraft])

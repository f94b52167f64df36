"""The picture of a place of a kit: sealed, found by the words for the place."""

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

    class Plan(Table):
        pass

    class Blob(Table):
        pass

    class PlacePhoto(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        plan = Key(Plan, column_name="plan_id", backref="+", on_delete="CASCADE")
        blob = Key(Blob, column_name="blob_id", backref="+", on_delete="CASCADE")
        by = Key(Person, column_name="by_id", null=True, backref="+", on_delete="SET NULL")

    db.create_tables([PlacePhoto])

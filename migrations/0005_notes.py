"""Beside the signed plan: a guardian's notes, and what a doctor confirmed through a link."""

from peewee import BlobField, CharField, Database, DateField, DateTimeField, Model, UUIDField
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

    class Child(Table):
        pass

    class Note(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        child = Key(Child, column_name="child_id", backref="+", on_delete="CASCADE")
        kind = CharField()
        day = DateField(null=True)
        by = Key(Person, column_name="by_id", null=True, backref="+", on_delete="SET NULL")

        class Meta:
            indexes = ((("child", "kind"), True),)

    class PlanVersion(Table):
        pass

    class DoctorReading(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        version = Key(PlanVersion, column_name="version_id", backref="+", on_delete="CASCADE")
        by = Key(Person, column_name="by_id", null=True, backref="+", on_delete="SET NULL")
        confirmed = DateTimeField(null=True)

    db.create_tables([Note, DoctorReading])

"""Emergencies that were run, and drills: logs sealed under the child's or the crèche's key."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Database,
    DateTimeField,
    IntegerField,
    Model,
    UUIDField,
)
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

    class Plan(Table):
        pass

    class Child(Table):
        pass

    class Nursery(Table):
        pass

    class Device(Table):
        pass

    class Room(Table):
        pass

    def link(table: type[Model], name: str, delete: str, *, null: bool = True) -> Key:
        return Key(table, column_name=f"{name}_id", null=null, backref="+", on_delete=delete)

    class Sealed(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()

    class Incident(Sealed):
        plan = link(Plan, "plan", "CASCADE")
        child = link(Child, "child", "CASCADE")
        nursery = link(Nursery, "nursery", "CASCADE", null=False)
        device = link(Device, "device", "SET NULL")
        room = link(Room, "room", "SET NULL")
        drill = BooleanField()
        version = IntegerField()
        started = DateTimeField(index=True)
        last = DateTimeField()
        ended = DateTimeField(null=True)

    class IncidentEvent(Sealed):
        incident = link(Incident, "incident", "CASCADE", null=False)
        device = link(Device, "device", "SET NULL")
        what = CharField()
        at = DateTimeField()
        n = BigIntegerField()
        doubtful = BooleanField()

    db.create_tables([Incident, IncidentEvent])

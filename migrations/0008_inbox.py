"""What devices write: their entries, who read a version, presence as it was told, their health."""

from datetime import datetime

from peewee import (
    BlobField,
    BooleanField,
    CharField,
    Database,
    DateTimeField,
    Model,
    TextField,
    UUIDField,
)
from peewee import ForeignKeyField as Key
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Table(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()

        class Meta:
            database = db
            legacy_table_names = False

    class DataKey(Table):
        pass

    class Device(Table):
        pass

    class Sealed(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()

    class Inbox(Sealed):
        device = Key(Device, column_name="device_id", backref="+", on_delete="CASCADE")
        kind = CharField()
        mark = CharField(max_length=64)
        late = CharField()
        done = DateTimeField(null=True, index=True)

    class PlanVersion(Table):
        pass

    class Receipt(Sealed):
        version = Key(PlanVersion, column_name="version_id", backref="+", on_delete="CASCADE")
        device = Key(Device, column_name="device_id", null=True, backref="+", on_delete="SET NULL")
        place = CharField()
        read = DateTimeField()

    db.create_tables([Inbox, Receipt])
    migrate(
        migrator.add_column("presence", "here", BooleanField(default=True)),
        migrator.add_column("presence", "at", DateTimeField(default=datetime(2026, 1, 1))),  # noqa: DTZ001
        migrator.add_column("device", "health", TextField(default="{}")),
    )

"""Phones, passes and a guardian's own phone beside the tablet: whose, for whom, until when."""

from peewee import Database, DateTimeField, IntegerField, Model, UUIDField
from peewee import ForeignKeyField as Key
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Table(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()

        class Meta:
            database = db
            legacy_table_names = False

    class Person(Table):
        pass

    class Staff(Table):
        pass

    class Child(Table):
        pass

    class Device(Table):
        pass

    class DeviceChild(Table):
        device = Key(Device, column_name="device_id", backref="+", on_delete="CASCADE")
        child = Key(Child, column_name="child_id", backref="+", on_delete="CASCADE")

        class Meta:
            indexes = ((("device", "child"), True),)

    def link(to: type[Model], on_delete: str) -> Key:
        return Key(to, Table.id, null=True, backref="+", on_delete=on_delete)

    migrate(
        migrator.drop_not_null("device", "nursery_id"),
        migrator.add_column("device", "person_id", link(Person, "CASCADE")),
        migrator.add_column("device", "staff_id", link(Staff, "SET NULL")),
        migrator.add_column("device", "replaces_id", link(Device, "SET NULL")),
        migrator.add_column("device", "ends", DateTimeField(null=True)),
        migrator.add_column("device", "changes", IntegerField(default=1)),
        migrator.add_column("device", "rendered", IntegerField(default=0)),
    )
    db.create_tables([DeviceChild])

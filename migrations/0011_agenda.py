"""Hours and closed days of a nurse; times that are held; what follows; offered seats; wishes."""

from peewee import (
    BlobField,
    BooleanField,
    CharField,
    Database,
    DateField,
    DateTimeField,
    IntegerField,
    Model,
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

    class Person(Table):
        pass

    class Centre(Table):
        pass

    class CareRequest(Table):
        pass

    def link(to: type[Model], column: str, on_delete: str, **more: bool) -> Key:
        return Key(to, column_name=column, backref="+", on_delete=on_delete, **more)

    class Hours(Table):
        nurse = link(Person, "nurse_id", "CASCADE")
        weekday = IntegerField()
        opens = CharField()
        closes = CharField()
        kind = CharField()
        centre = link(Centre, "centre_id", "CASCADE", null=True)
        travel = IntegerField()

        class Meta:
            indexes = ((("nurse", "weekday"), False),)

    class Closure(Table):
        nurse = link(Person, "nurse_id", "CASCADE", null=True)
        first = DateField()
        last = DateField()

    class Wish(Table):
        data_key = link(DataKey, "key_id", "CASCADE")
        sealed = BlobField()
        person = link(Person, "person_id", "CASCADE")
        topic = CharField()

        class Meta:
            indexes = ((("person", "topic"), True),)

    db.create_tables([Hours, Closure, Wish])

    def to(table: type[Model], **more: bool) -> Key:
        return Key(table, table.id, null=True, backref="+", on_delete="SET NULL", **more)

    moment = DateTimeField(null=True)
    migrate(
        migrator.drop_index("slot", "slot_care_request_id"),
        migrator.add_index("slot", ("care_request_id",)),
        migrator.add_column("slot", "until", DateTimeField(null=True, index=True)),
        migrator.add_column("slot", "is_travel", BooleanField(default=False)),
        migrator.add_column("care_request", "changes", IntegerField(default=0)),
        migrator.add_column("care_request", "follows_id", to(CareRequest, unique=True)),
        migrator.add_column("care_request", "opened", moment),
        migrator.add_column("care_request", "opened_by_id", to(Person)),
        migrator.add_index("care_request", ("status", "kind", "created", "nurse_id")),
        migrator.add_column("info_session", "least", IntegerField(default=0)),
        migrator.add_column("registration", "until", moment),
        migrator.add_column("registration", "attended", BooleanField(null=True)),
    )

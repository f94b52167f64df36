"""The nurses' round on the maternity wards."""

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

    class WardVisit(Table):
        data_key = Key(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        nurse = Key(Person, column_name="nurse_id", null=True, backref="+", on_delete="SET NULL")
        day = DateField(index=True)
        follow_up = DateField(null=True, index=True)
        language = CharField(max_length=2)

    db.create_tables([WardVisit])

"""Translations of the catalogue that a health professional has signed off."""

from peewee import CharField, Database, DateField, DateTimeField, Model, UUIDField
from peewee import ForeignKeyField as Key
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Table(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()

        class Meta:
            database = db
            legacy_table_names = False

    class Person(Table):
        pass

    class SignOff(Table):
        phrase = CharField()
        language = CharField()
        words = CharField()
        name = CharField()
        role = CharField()
        on = DateField()
        by = Key(Person, column_name="by_id", null=True, backref="+", on_delete="SET NULL")

        class Meta:
            indexes = ((("phrase", "language"), True),)

    db.create_tables([SignOff])

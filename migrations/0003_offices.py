"""The two offices: services and centres, requests and their slots, sessions, notices, feedback."""

from peewee import (
    BlobField,
    BooleanField,
    CharField,
    Database,
    DateField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)
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

    def link(to: type[Model], column: str, on_delete: str, **more: bool) -> ForeignKeyField:
        return ForeignKeyField(to, column_name=column, backref="+", on_delete=on_delete, **more)

    class Sealed(Table):
        data_key = link(DataKey, "key_id", "CASCADE")
        sealed = BlobField()

    class Centre(Table):
        slug = CharField(unique=True)
        rank = IntegerField()
        name = CharField()
        address = CharField()
        rules = TextField()
        is_demo = BooleanField()
        checked_on = DateField()
        edited = DateTimeField(null=True)
        edited_by = link(Person, "edited_by_id", "SET NULL", null=True)

    class Service(Table):
        slug = CharField(unique=True)
        office = CharField()
        rank = IntegerField()
        texts = TextField()
        phone = CharField()
        fax = CharField()
        mail = CharField()
        address = CharField()
        url = CharField()
        checked_on = DateField()
        edited = DateTimeField(null=True)
        edited_by = link(Person, "edited_by_id", "SET NULL", null=True)

    class CareRequest(Sealed):
        kind = CharField()
        status = CharField()
        person = link(Person, "person_id", "CASCADE", null=True)
        entered_by = link(Person, "entered_by_id", "SET NULL", null=True)
        nurse = link(Person, "nurse_id", "SET NULL", null=True)
        centre = link(Centre, "centre_id", "SET NULL", null=True)
        language = CharField(max_length=2)
        starts = DateTimeField(null=True)
        answered = DateTimeField(null=True)

        class Meta:
            indexes = ((("status", "created"), False),)

    class CareRequestEvent(Sealed):
        care_request = link(CareRequest, "care_request_id", "CASCADE")
        what = CharField()
        by = link(Person, "by_id", "SET NULL", null=True)

    class Slot(Table):
        nurse = link(Person, "nurse_id", "CASCADE")
        starts = DateTimeField()
        care_request = link(CareRequest, "care_request_id", "CASCADE", unique=True)

        class Meta:
            indexes = ((("nurse", "starts"), True),)

    class InfoSession(Table):
        kind = CharField()
        topic = CharField()
        texts = TextField()
        languages = CharField()
        centre = link(Centre, "centre_id", "SET NULL", null=True)
        place = CharField()
        link_ = CharField(column_name="link")
        starts = DateTimeField(index=True)
        ends = DateTimeField()
        seats = IntegerField()
        taken = IntegerField()
        nurse = link(Person, "nurse_id", "SET NULL", null=True)
        cancelled = DateTimeField(null=True)

    class Registration(Sealed):
        info_session = link(InfoSession, "info_session_id", "CASCADE")
        person = link(Person, "person_id", "CASCADE", null=True)
        adults = IntegerField()
        state = CharField()
        joined = DateTimeField()

        class Meta:
            indexes = ((("info_session", "person"), True),)

    class Notice(Sealed):
        person = link(Person, "person_id", "CASCADE", null=True)
        code = CharField()
        subject = UUIDField()
        language = CharField(max_length=2)
        read = DateTimeField(null=True)
        due = DateTimeField(null=True, index=True)
        sent = DateTimeField(null=True)
        tries = IntegerField()

    class Feedback(Sealed):
        page = CharField()
        found = CharField()
        rating = IntegerField()

    made = (Centre, Service, CareRequest, CareRequestEvent, Slot, InfoSession, Registration, Notice)
    db.create_tables([*made, Feedback])

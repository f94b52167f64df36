"""The first schema. A frozen copy of the tables, independent of models.py, and their triggers."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Database,
    DateField,
    DateTimeField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from playhouse.migrate import SchemaMigrator

# What was signed or noted never changes, whoever asks: table, and the columns that are frozen.
FROZEN = (
    ("plan_version", ("sealed", "hash", "prev_hash", "signature", "no", "plan_id", "created")),
    ("audit", ("person", "device", "action", "about", "child", "outcome", "created")),
)
ENDLESS = ("audit",)


def protect(db: Database) -> None:
    """Triggers that refuse to change frozen columns, or to delete from the audit."""
    for table, columns in FROZEN:
        refuse(db, f"{table}_frozen", f"UPDATE OF {', '.join(columns)}", table)
    for table in ENDLESS:
        refuse(db, f"{table}_endless", "DELETE", table)


def refuse(db: Database, name: str, event: str, table: str) -> None:
    if isinstance(db, SqliteDatabase):
        db.execute_sql(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} rows do not change'); END"
        )
        return
    db.execute_sql(
        f"CREATE FUNCTION {name}() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{table} rows do not change'; END $$ LANGUAGE plpgsql"
    )
    db.execute_sql(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def up(migrator: SchemaMigrator, db: Database) -> None:

    class Audit(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        person = UUIDField(null=True)
        device = UUIDField(null=True)
        action = CharField()
        about = UUIDField(null=True)
        child = UUIDField(null=True, index=True)
        outcome = CharField()

        class Meta:
            database = db
            table_name = "audit"

    class DataKey(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        master = CharField()
        wrapped = BlobField()

        class Meta:
            database = db
            table_name = "data_key"

    class Blob(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sha256 = CharField(max_length=64, index=True)
        size = IntegerField()
        sealed = BlobField()

        class Meta:
            database = db
            table_name = "blob"

    class Challenge(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        value = BlobField(unique=True)
        purpose = CharField()
        about = TextField()

        class Meta:
            database = db
            table_name = "challenge"

    class Child(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        photo = ForeignKeyField(
            Blob, column_name="photo_id", null=True, backref="+", on_delete="SET NULL"
        )

        class Meta:
            database = db
            table_name = "child"

    class Plan(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        child = ForeignKeyField(
            Child, column_name="child_id", unique=True, backref="+", on_delete="CASCADE"
        )
        salt = BlobField()
        changes = IntegerField()
        rendered = IntegerField()
        current = UUIDField(column_name="current_id", null=True)

        class Meta:
            database = db
            table_name = "plan"

    class Person(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        handle = BlobField(unique=True)
        language = CharField(max_length=2)
        is_nurse = BooleanField()
        is_admin = BooleanField()

        class Meta:
            database = db
            table_name = "person"

    class Scan(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        plan = ForeignKeyField(Plan, column_name="plan_id", backref="+", on_delete="CASCADE")
        made_by = ForeignKeyField(
            Person, column_name="made_by_id", null=True, backref="+", on_delete="SET NULL"
        )

        class Meta:
            database = db
            table_name = "scan"

    class PlanVersion(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        plan = ForeignKeyField(Plan, column_name="plan_id", backref="+", on_delete="CASCADE")
        no = IntegerField()
        state = CharField()
        mode = CharField()
        scan = ForeignKeyField(
            Scan, column_name="scan_id", null=True, backref="+", on_delete="SET NULL"
        )
        author = ForeignKeyField(
            Person, column_name="author_id", null=True, backref="+", on_delete="SET NULL"
        )
        prev_hash = CharField()
        hash = CharField()
        signature = BlobField()
        checker = ForeignKeyField(
            Person, column_name="checker_id", null=True, backref="+", on_delete="SET NULL"
        )
        checked = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "plan_version"
            indexes = [(("plan", "no"), True)]

    class Check(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        version = ForeignKeyField(
            PlanVersion, column_name="version_id", backref="+", on_delete="CASCADE"
        )
        by = ForeignKeyField(
            Person, column_name="by_id", null=True, backref="+", on_delete="SET NULL"
        )
        passed = BooleanField()

        class Meta:
            database = db
            table_name = "check"

    class Contact(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        child = ForeignKeyField(Child, column_name="child_id", backref="+", on_delete="CASCADE")
        kind = CharField()
        rank = IntegerField()

        class Meta:
            database = db
            table_name = "contact"

    class Nursery(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        name = CharField()
        kind = CharField()
        code = CharField(max_length=6, unique=True)
        changes = IntegerField()
        rendered = IntegerField()

        class Meta:
            database = db
            table_name = "nursery"

    class Room(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        name = CharField()
        rank = IntegerField()

        class Meta:
            database = db
            table_name = "room"

    class Device(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        room = ForeignKeyField(
            Room, column_name="room_id", null=True, backref="+", on_delete="SET NULL"
        )
        kind = CharField()
        name = CharField()
        can_call = BooleanField()
        state = CharField()
        made_by = ForeignKeyField(
            Person, column_name="made_by_id", null=True, backref="+", on_delete="SET NULL"
        )
        code = BlobField(null=True, unique=True)
        code_until = DateTimeField(null=True)
        public_key = BlobField(null=True, unique=True)
        approved = DateTimeField(null=True)
        approved_by = ForeignKeyField(
            Person, column_name="approved_by_id", null=True, backref="+", on_delete="SET NULL"
        )
        cookie = BlobField(null=True, index=True)
        cookie_until = DateTimeField(null=True)
        n = BigIntegerField()
        seq = BigIntegerField()
        roll = CharField()
        last_contact = DateTimeField(null=True)
        ended = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "device"

    class Draft(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        plan = ForeignKeyField(
            Plan, column_name="plan_id", unique=True, backref="+", on_delete="CASCADE"
        )
        base_no = IntegerField()
        revision = IntegerField()
        author = ForeignKeyField(
            Person, column_name="author_id", null=True, backref="+", on_delete="SET NULL"
        )
        scan = ForeignKeyField(
            Scan, column_name="scan_id", null=True, backref="+", on_delete="SET NULL"
        )

        class Meta:
            database = db
            table_name = "draft"

    class Grant(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        child = ForeignKeyField(Child, column_name="child_id", backref="+", on_delete="CASCADE")
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        room = ForeignKeyField(
            Room, column_name="room_id", null=True, backref="+", on_delete="SET NULL"
        )
        offered_by = ForeignKeyField(
            Person, column_name="offered_by_id", null=True, backref="+", on_delete="SET NULL"
        )
        until = DateField(null=True)
        accepted = DateTimeField(null=True)
        accepted_by = ForeignKeyField(
            Person, column_name="accepted_by_id", null=True, backref="+", on_delete="SET NULL"
        )
        refused = DateTimeField(null=True)
        ended = DateTimeField(null=True)
        ended_by = ForeignKeyField(
            Person, column_name="ended_by_id", null=True, backref="+", on_delete="SET NULL"
        )
        left = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "grant"

    class Guardian(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        person = ForeignKeyField(Person, column_name="person_id", backref="+", on_delete="CASCADE")
        child = ForeignKeyField(Child, column_name="child_id", backref="+", on_delete="CASCADE")
        rights = CharField()
        relation = CharField()
        ended = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "guardian"
            indexes = [(("person", "child"), True)]

    class KitUnit(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        plan = ForeignKeyField(Plan, column_name="plan_id", backref="+", on_delete="CASCADE")
        rank = IntegerField()
        ended = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "kit_unit"

    class Limit(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        key = CharField()
        window = DateTimeField()
        count = IntegerField()

        class Meta:
            database = db
            table_name = "limit"
            indexes = [(("key", "window"), True)]

    class MayHold(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        device = ForeignKeyField(Device, column_name="device_id", backref="+", on_delete="CASCADE")
        plan = UUIDField(index=True)
        version = IntegerField()
        sent = DateTimeField()
        confirmed = DateTimeField(null=True)
        erased = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "may_hold"
            indexes = [(("device", "plan"), True)]

    class PaperChild(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        room = ForeignKeyField(
            Room, column_name="room_id", null=True, backref="+", on_delete="SET NULL"
        )

        class Meta:
            database = db
            table_name = "paper_child"

    class Passkey(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        person = ForeignKeyField(Person, column_name="person_id", backref="+", on_delete="CASCADE")
        credential = BlobField(unique=True)
        public_key = BlobField()
        sign_count = BigIntegerField()
        transports = CharField()
        backed_up = BooleanField()
        label = CharField()
        last_used = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "passkey"

    class Presence(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        child = ForeignKeyField(Child, column_name="child_id", backref="+", on_delete="CASCADE")
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        day = DateField()

        class Meta:
            database = db
            table_name = "presence"
            indexes = [(("child", "nursery", "day"), True)]

    class RenderedPage(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        owner = UUIDField()
        kind = CharField()
        language = CharField(max_length=2)
        build = CharField()
        version = IntegerField()
        names = TextField()
        sha256 = CharField(max_length=64, index=True)
        sealed = BlobField()

        class Meta:
            database = db
            table_name = "rendered_page"
            indexes = [(("owner", "kind", "language"), True)]

    class ScanPage(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        scan = ForeignKeyField(Scan, column_name="scan_id", backref="+", on_delete="CASCADE")
        rank = IntegerField()
        blob = ForeignKeyField(Blob, column_name="blob_id", backref="+", on_delete="CASCADE")

        class Meta:
            database = db
            table_name = "scan_page"

    class SentRoll(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        device = ForeignKeyField(Device, column_name="device_id", backref="+", on_delete="CASCADE")
        hash = CharField()
        seq = BigIntegerField()
        named = TextField()

        class Meta:
            database = db
            table_name = "sent_roll"
            indexes = [(("device", "hash"), True)]

    class Signature(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        scan = ForeignKeyField(Scan, column_name="scan_id", backref="+", on_delete="CASCADE")
        rank = IntegerField()

        class Meta:
            database = db
            table_name = "signature"

    class SignIn(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        token = BlobField(unique=True)
        person = ForeignKeyField(Person, column_name="person_id", backref="+", on_delete="CASCADE")
        last_seen = DateTimeField()
        ended = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "sign_in"

    class Staff(Model):
        id = UUIDField(primary_key=True)
        created = DateTimeField()
        data_key = ForeignKeyField(DataKey, column_name="key_id", backref="+", on_delete="CASCADE")
        sealed = BlobField()
        nursery = ForeignKeyField(
            Nursery, column_name="nursery_id", backref="+", on_delete="CASCADE"
        )
        person = ForeignKeyField(
            Person, column_name="person_id", null=True, backref="+", on_delete="SET NULL"
        )
        role = CharField()
        ended = DateTimeField(null=True)

        class Meta:
            database = db
            table_name = "staff"

    db.create_tables(
        [
            Audit,
            DataKey,
            Blob,
            Challenge,
            Child,
            Plan,
            Person,
            Scan,
            PlanVersion,
            Check,
            Contact,
            Nursery,
            Room,
            Device,
            Draft,
            Grant,
            Guardian,
            KitUnit,
            Limit,
            MayHold,
            PaperChild,
            Passkey,
            Presence,
            RenderedPage,
            ScanPage,
            SentRoll,
            Signature,
            SignIn,
            Staff,
        ]
    )
    protect(db)

"""Keys and seals: what was moved, changed or belongs to other keys is refused, never shown."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from client import soup_of

import sealing
from database import DataKey, Sealed, db
from models import Blob, Child, Contact, Person

ROOT = Path(__file__).parent.parent
CONTEXT = "kannerplang-plan-1"


@pytest.fixture
def own_ring(keys: Path) -> Iterator[None]:
    """The keys of all tests are loaded again, whatever a test has loaded."""
    yield
    sealing.load_keys(keys)


@pytest.fixture
def key_file(tmp_path: Path, own_ring: None) -> Path:
    path = tmp_path / "keys.json"
    sealing.make_keys(path)
    return path


def swap(table: type[Sealed], one: Sealed, other: Sealed, *columns: str) -> None:
    """What somebody with the database alone could do."""
    for row, source in ((one, other), (other, one)):
        values = {name: getattr(source, name) for name in columns}
        table.update(**values).where(table.id == row.id).execute()
    sealing.ring().opened.clear()  # as after a new start


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_text_of_another_row_with_the_same_key_is_refused(app, cast):
    first, second, *_ = Contact.of(cast.leo.id)
    swap(Contact, first, second, "sealed")

    for row in (first, second):
        with pytest.raises(sealing.SealBroken):
            Contact.get_by_id(row.id).name  # noqa: B018


def test_a_row_swapped_together_with_its_key_is_refused(app, cast):
    swap(Child, cast.leo, cast.mia, "sealed", "data_key_id")

    with pytest.raises(sealing.SealBroken):
        Child.get_by_id(cast.leo.id).first_name  # noqa: B018


def test_a_changed_byte_anywhere_in_a_row_is_refused(app, cast):
    sealed = bytes(cast.leo.sealed)
    for place in (0, 1, len(sealed) // 2, len(sealed) - 1):
        broken = bytearray(sealed)
        broken[place] ^= 1
        Child.update(sealed=bytes(broken)).where(Child.id == cast.leo.id).execute()
        with pytest.raises(sealing.SealBroken):
            cast.leo.first_name  # noqa: B018


def test_a_picture_in_the_place_of_another_is_refused(app, cast):
    key = cast.leo.data_key_id
    one, other = Blob.keep(b"one", key), Blob.keep(b"other", key)
    Blob.update(sealed=other.sealed).where(Blob.id == one.id).execute()

    with pytest.raises(sealing.SealBroken):
        Blob.get_by_id(one.id).read()


def test_without_its_key_a_row_is_noise(app, cast):
    child = Child.create(data_key=DataKey.make(), first_name="Ana")
    key = child.data_key_id
    # Deleting the key takes the row along; here the row was kept, as in an old backup.
    sealed, about = bytes(child.sealed), child.about
    DataKey.delete().where(DataKey.id == key).execute()
    sealing.ring().opened.clear()

    assert not Child.select().where(Child.id == child.id).exists()
    child.data_key_id, child.sealed, child._secrets = key, sealed, None
    with pytest.raises(sealing.SealBroken, match=about):
        child.first_name  # noqa: B018


@pytest.mark.parametrize("columns", [("sealed",), ("sealed", "data_key_id")], ids="-".join)
def test_the_page_of_a_swapped_child_says_so_and_shows_neither(as_user, cast, columns, caplog):
    Person.update(language="en").execute()
    ines, ivan = as_user("ines"), as_user("ivan")
    addresses = {cast.leo.id: ines, cast.mia.id: ivan}
    words = [Child.get_by_id(key).name for key in addresses]
    swap(Child, cast.leo, cast.mia, *columns)

    for key, browser in addresses.items():
        answer = browser.get(f"/children/{key}")
        page = soup_of(answer).select_one("main").get_text(" ")
        assert answer.status_code == 500
        assert "A stored text is damaged and is not shown" in page
        assert f"seal broken: child:{key}" in caplog.text, "the page says that we were told"
        shown = answer.text + caplog.text
        assert not [word for name in words for word in name.split() if word in shown]


# ── master keys ──────────────────────────────────────────────────────────────────────────────────


def test_a_data_key_of_another_master_is_refused(app, cast, tmp_path, own_ring):
    key = cast.leo.data_key
    other = tmp_path / "other.json"
    sealing.make_keys(other)
    sealing.load_keys(other)

    with pytest.raises(sealing.SealBroken):
        cast.leo.first_name  # noqa: B018
    # The name alone makes no key the right one.
    key.master = sealing.ring().current
    with pytest.raises(sealing.SealBroken):
        sealing.unwrap(key)


def test_a_data_key_in_the_place_of_another_is_refused(app, cast):
    leo, mia = cast.leo.data_key, cast.mia.data_key
    DataKey.update(wrapped=mia.wrapped).where(DataKey.id == leo.id).execute()
    sealing.ring().opened.clear()

    with pytest.raises(sealing.SealBroken):
        cast.leo.first_name  # noqa: B018


# ── the key file ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(key_file, mode):
    key_file.chmod(mode)

    with pytest.raises(sealing.KeysMissing, match="readable by others"):
        sealing.load_keys(key_file)


def test_a_missing_key_file_is_refused(tmp_path):
    with pytest.raises(sealing.KeysMissing, match="missing"):
        sealing.load_keys(tmp_path / "keys.json")


def short_master(keys: dict) -> None:
    keys["masters"] = dict.fromkeys(keys["masters"], sealing._b64(bytes(16)))


def unknown_master(keys: dict) -> None:
    keys["current"] = "elsewhere"


def no_signer(keys: dict) -> None:
    keys["signer"] = ""


def no_index(keys: dict) -> None:
    del keys["index"]


def masters_as_text(keys: dict) -> None:
    keys["masters"] = "0" * 32


@pytest.mark.parametrize(
    "damage", [short_master, unknown_master, no_signer, no_index, masters_as_text]
)
def test_an_incomplete_key_file_is_refused(key_file, damage):
    keys = json.loads(key_file.read_text())
    damage(keys)
    key_file.write_text(json.dumps(keys))

    with pytest.raises(sealing.KeysMissing):
        sealing.load_keys(key_file)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_key_file_that_is_cut_off_is_refused(key_file, share):
    text = key_file.read_text()
    key_file.write_text(text[: int(len(text) * share)])

    with pytest.raises(sealing.KeysMissing):
        sealing.load_keys(key_file)


def test_a_refused_key_file_leaves_the_loaded_keys_in_use(tmp_path, keys):
    before = sealing.ring()
    with pytest.raises(sealing.KeysMissing):
        sealing.load_keys(tmp_path / "none.json")

    assert sealing.ring() is before


def test_a_new_key_file_is_private_and_never_written_over_another(key_file):
    before = key_file.read_text()

    with pytest.raises(FileExistsError):
        sealing.make_keys(key_file)

    assert key_file.read_text() == before
    assert {path.name for path in key_file.parent.iterdir()} == {"keys.json", "reserve-key.pem"}
    assert {path.stat().st_mode & 0o777 for path in key_file.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("write", [1, 2], ids=["the reserve", "the keys"])
def test_a_set_up_that_is_killed_while_writing_keys_is_simply_repeated(tmp_path, own_ring, write):
    path = tmp_path / "keys.json"
    killed = f"""
import os, signal, sys
from pathlib import Path
import sealing
left = {write}
def fsync(handle):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
sealing.make_keys(Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", killed, path], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists(), "half a key file"

    subprocess.run([sys.executable, "sealing.py", path], cwd=ROOT, check=True, env=os.environ)

    sealing.load_keys(path)
    reserve = path.with_name("reserve-key.pem").read_bytes()
    half = sealing.serialization.load_pem_private_key(reserve, None).public_key()
    assert sealing.public_keys()[1] == half.public_bytes(*sealing.POINT)


# ── signatures ───────────────────────────────────────────────────────────────────────────────────


def test_a_signature_holds_for_its_key_context_and_value_only(keys, tmp_path, own_ring):
    sealing.load_keys(keys)
    ours, reserve = sealing.public_keys()
    signature = sealing.sign(CONTEXT, b"value")
    sealing.make_keys(tmp_path / "foreign.json")
    sealing.load_keys(tmp_path / "foreign.json")
    foreign, _ = sealing.public_keys()

    assert len(signature) == 64
    assert sealing.verify(ours, CONTEXT, b"value", signature)
    assert not sealing.verify(foreign, CONTEXT, b"value", signature)
    assert not sealing.verify(reserve, CONTEXT, b"value", signature)
    assert not sealing.verify(ours, "kannerplang-roll-1", b"value", signature)
    assert not sealing.verify(ours, CONTEXT, b"value.", signature)


@pytest.mark.parametrize(
    "odd", [b"", b"\x00" * 64, b"\xff" * 64, b"\x00" * 63, b"\x00" * 65], ids=len
)
def test_what_is_no_signature_is_refused_quietly(keys, odd):
    public, _ = sealing.public_keys()

    assert not sealing.verify(public, CONTEXT, b"value", odd)
    assert not sealing.verify(odd, CONTEXT, b"value", sealing.sign(CONTEXT, b"value"))


def test_the_same_text_is_never_sealed_twice_alike(keys):
    key = uuid4()
    sealing.new_data_key(key)
    sealed = {sealing.seal(b"word", key, "a") for _ in range(50)}

    assert len(sealed) == 50
    assert {sealing.unseal(value, key, "a") for value in sealed} == {b"word"}


def test_equal_addresses_are_found_by_their_index_and_by_these_keys_only(keys, tmp_path, own_ring):
    sealing.load_keys(keys)
    ours = sealing.blind_index("Ana@Example.lu ")

    assert ours == sealing.blind_index("ana@example.lu")
    assert ours != sealing.blind_index("eva@example.lu")
    sealing.make_keys(tmp_path / "foreign.json")
    sealing.load_keys(tmp_path / "foreign.json")
    assert ours != sealing.blind_index("ana@example.lu")


def test_rows_of_the_cast_open_with_one_statement(app, cast, statements):
    rows = list(Child.select())
    sealing.ring().opened.clear()

    with statements() as seen:
        names = [row.first_name for row in Sealed.open_all(rows)]

    assert "Léo" in names
    assert seen.count == 1
    assert db.is_connection_usable()


# ── another signing key ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def two_files(tmp_path):
    path = tmp_path / "keys.json"
    sealing.make_keys(path)
    sealing.load_keys(path)
    return path, path.with_name("reserve-key.pem")


@pytest.mark.parametrize("leaked", [False, True])
def test_the_reserve_signs_after_a_change_and_a_new_one_lies_ready(two_files, leaked):
    path, reserve = two_files
    before, next_one = sealing.public_keys()
    old = sealing.sign(CONTEXT, b"value")

    sealing.rotate(path, reserve, leaked)
    sealing.load_keys(path)

    current, fresh = sealing.public_keys()
    assert current == next_one
    assert fresh not in {before, next_one}
    assert sealing.verify(current, CONTEXT, b"value", sealing.sign(CONTEXT, b"value"))
    assert any(sealing.verify(key, CONTEXT, b"value", old) for key in sealing.signers())
    assert (before in sealing.former_keys()) is not leaked
    sealing.rotate(path, reserve)
    sealing.load_keys(path)
    assert sealing.public_keys()[0] == fresh


def test_a_change_that_was_killed_half_way_is_finished(two_files, monkeypatch):
    path, reserve = two_files
    held = sealing.Path.replace

    def dies(self, target):
        if target == reserve:
            raise OSError("killed")
        return held(self, target)

    monkeypatch.setattr(sealing.Path, "replace", dies)
    with pytest.raises(OSError, match="killed"):
        sealing.rotate(path, reserve)
    monkeypatch.undo()
    sealing.load_keys(path)
    current = sealing.public_keys()

    sealing.rotate(path, reserve)

    sealing.load_keys(path)
    assert sealing.public_keys() == current
    assert {one.name for one in path.parent.iterdir()} == {"keys.json", "reserve-key.pem"}


def test_another_reserve_is_refused_and_changes_nothing(two_files, tmp_path):
    path, _ = two_files
    sealing.make_keys(tmp_path / "other" / "keys.json")
    before = path.read_text()

    with pytest.raises(sealing.KeysMissing, match="not the reserve"):
        sealing.rotate(path, tmp_path / "other" / "reserve-key.pem")
    assert path.read_text() == before

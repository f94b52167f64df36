"""Passkeys: a challenge is spent once, the user is verified, a session ends when it is ended."""

from datetime import timedelta

import pytest
from authenticator import Authenticator
from client import Client

from database import clock
from models import Challenge, Passkey, Person, SignIn

FORM = {"name": "Rui Marques", "consent": "y"}


def sign_up(client: Client, device: Authenticator, form: dict = FORM):
    options = client.post("/sign-up/challenges", form).get_json()
    return client.post("/sign-up", {**form, "answer": device.create(options)})


def sign_in(client: Client, device: Authenticator):
    options = client.post("/sign-in/challenges").get_json()
    return client.post("/sign-in", device.get(options))


def test_a_new_person_signs_up_and_comes_back_with_the_passkey(app, as_user):
    device = Authenticator()

    welcome = sign_up(as_user(None), device)
    again = as_user(None)
    back = sign_in(again, device)

    assert welcome.get_json()["next"] == "/home"
    assert back.get_json()["next"] == "/"
    assert "Rui Marques" in again.words("/account")


def test_a_name_is_needed_and_the_answer_says_so_beside_the_field(as_user):
    answer = as_user(None).post("/sign-up/challenges", {**FORM, "name": " "})

    assert answer.status_code == 422
    assert "name" in answer.get_json()["errors"]


@pytest.mark.parametrize(
    "device",
    [Authenticator(verifies=False), Authenticator(origin="http://localhost:5001")],
    ids=["without user verification", "from another origin"],
)
def test_an_answer_that_proves_too_little_makes_no_account(as_user, device):
    before = Person.select().count()

    answer = sign_up(as_user(None), device)

    assert answer.status_code == 422
    assert Person.select().count() == before


def test_signing_in_needs_user_verification(as_user):
    device = Authenticator()
    sign_up(as_user(None), device)
    device.flags = 1

    answer = sign_in(as_user(None), device)

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "passkey-refused"


def test_a_challenge_is_spent_by_its_first_use(as_user):
    device = Authenticator()
    sign_up(as_user(None), device)
    client = as_user(None)
    answer = device.get(client.post("/sign-in/challenges").get_json())

    first = client.post("/sign-in", answer)
    second = as_user(None).post("/sign-in", answer)

    assert first.status_code == 200
    assert second.get_json()["code"] == "passkey-too-late"


def test_a_challenge_is_too_old_after_five_minutes(as_user):
    device = Authenticator()
    sign_up(as_user(None), device)
    client = as_user(None)
    answer = device.get(client.post("/sign-in/challenges").get_json())
    Challenge.update(created=clock() - timedelta(minutes=6)).execute()

    assert client.post("/sign-in", answer).get_json()["code"] == "passkey-too-late"


def test_an_unknown_passkey_is_named_so_that_the_browser_can_hide_it(as_user):
    stranger = Authenticator()
    sign_up(as_user(None), stranger)
    Passkey.delete().execute()

    assert sign_in(as_user(None), stranger).get_json()["code"] == "passkey-unknown"


def test_another_persons_handle_is_refused(as_user):
    mine, other = Authenticator(), Authenticator()
    sign_up(as_user(None), mine)
    sign_up(as_user(None), other, {**FORM, "name": "Ana"})
    mine.handle = other.handle

    assert sign_in(as_user(None), mine).get_json()["code"] == "passkey-refused"


RUBBISH = ["", "{}", "[]", '{"response": {"clientDataJSON": 7}}', "\0", "[" * 99_999]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda text: text[:9])
def test_rubbish_in_place_of_an_answer_is_refused_with_a_sentence(as_user, rubbish):
    answer = as_user(None).post("/sign-in", rubbish)

    assert answer.status_code == 422
    assert answer.get_json()["problem"]


def test_a_second_passkey_is_added_by_its_owner(as_user):
    first, second = Authenticator(), Authenticator()
    client = as_user(None)
    sign_up(client, first)
    second_options = client.post("/account/passkeys/challenges").get_json()

    client.post("/account/passkeys", {"answer": second.create(second_options)})

    assert sign_in(as_user(None), second).get_json()["next"] == "/"
    assert [one["id"] for one in second_options["excludeCredentials"]]


def test_signing_out_ends_the_session_on_the_server(app, cast, as_user):
    client = as_user("ines")
    stolen = app.test_client()
    stolen.set_cookie("sid", f"cookie-{cast.ines.id}")

    client.post("/sign-out")

    assert stolen.get("/home").location.startswith("/sign-in")


def test_an_idle_session_ends(as_user):
    client = as_user("ines")
    SignIn.update(last_seen=clock() - timedelta(hours=13)).execute()

    assert client.get("/home").location.startswith("/sign-in")


def test_the_language_is_chosen_first_and_stays_after_sign_up(as_user):
    client = as_user(None)
    client.post("/language", {"language": "pt", "next": "/sign-up"})

    sign_up(client, Authenticator())

    assert Person.select().where(Person.language == "pt").count() >= 1
    assert client.page("/account").html["lang"] == "pt"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(as_user, target):
    device = Authenticator()
    sign_up(as_user(None), device)
    client = as_user(None)
    options = client.post("/sign-in/challenges").get_json()

    answer = client.post(f"/sign-in?next={target}", device.get(options))

    assert answer.get_json()["next"] == "/"


def test_too_many_challenges_are_slowed_down(as_user):
    client = as_user(None)

    answers = [client.post("/sign-in/challenges").status_code for _ in range(40)]

    assert answers[0] == 200
    assert answers[-1] == 429

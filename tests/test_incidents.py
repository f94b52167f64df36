"""An emergency's log is taken in once, told word by word, and seen by those it concerns."""
# ruff: noqa: F811  the fixtures of the simulated tablet are imported

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from test_inbox import entry
from test_offline import enrol, now, tablet  # noqa: F401  fixtures

from database import clock
from incidents import Incident, IncidentEvent
from models import KitUnit
from offices import Notice
from plan import content_of


def tells(cast, incident, *bodies, drill=False, plan="leo_plan", begun=60, **more) -> list[dict]:
    """Entries of one emergency, a second apart, the first `begun` seconds after the last check."""
    told = []
    for n, body in enumerate(bodies, start=1):
        one = entry(n=n, kind="incident", incident=incident, drill=drill, body=body, **more)
        one["since_check"] = (begun + n) * 1000
        one["checked"] = int(clock().timestamp()) - 600
        told.append(one | ({"plan": str(getattr(cast, plan).id)} if plan else {}))
    return told


def severe(cast) -> str:
    groups = content_of(cast.leo_plan.current).sheets[0].groups
    return next(f"sheets.0.groups.{n}" for n, g in enumerate(groups) if g.severity == "severe")


def run(cast) -> list[dict[str, Any]]:
    at = severe(cast)
    return [
        {"what": "start", "before": 4000, "version": 1},
        {"what": "branch", "at": at},
        {"what": "dose", "at": "medicines.0"},
        {"what": "step", "at": at, "n": 0},
        {"what": "impossible", "at": at, "n": 1, "reason": "missing"},
        {"what": "call", "who": "Inês Santos, Mère"},
        {"what": "note", "text": "Pâle {words}"},
        {"what": "end"},
    ]


def lines(page) -> list[str]:
    return [line.get_text(" ", strip=True) for line in page.select("[data-lines] [data-said]")]


def test_each_line_is_told_in_the_words_of_the_version_that_was_run(tablet, at, cast):
    key = str(uuid4())
    head = tablet.sync(events=tells(cast, key, *run(cast), by="Tessa"))
    assert (len(head["ack"]), head["refused"]) == (8, [])

    page = at("tessa").page(f"/incidents/{key}")

    content = content_of(cast.leo_plan.current)
    first = content.medicines[0]
    said = lines(page)
    assert said[0] == "Started"
    assert said[1] == "Chosen: Severe: any one of these"
    assert said[2] == f"Given: {' '.join(filter(None, (first.name, first.strength, first.dose)))}"
    assert said[3].startswith("Done: ")
    assert said[4].startswith("Not possible (Not found): ")
    assert said[5:] == ["Called: Inês Santos, Mère", "Note: Pâle {words}", "Ended"]
    times = [time.get_text() for time in page.select("[data-lines] time")]
    assert times[0] == "08:02:57", "four seconds before it was written"
    assert times[1] == "08:03:02"


def test_the_words_are_sealed_under_the_key_of_the_child(tablet, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast)))

    for event in IncidentEvent.select():
        assert event.data_key_id == cast.leo.data_key_id
        assert "Inês".encode() not in bytes(event.sealed)


def test_a_guardian_reads_it_and_strangers_do_not(tablet, as_user, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast)))

    for name in ("ines", "marc", "sami", "tessa"):
        assert "Léo" in as_user(name).words(f"/incidents/{key}")
    for name in ("ivan", "olga", "noor", "zoe", "admin"):
        assert as_user(name).get(f"/incidents/{key}").status_code == 404


def test_a_drill_is_no_incident_of_the_child_and_tells_nobody(tablet, as_user, at, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast), drill=True, by="Tessa"))

    assert as_user("ines").get(f"/incidents/{key}").status_code == 404
    assert not Notice.select().where(Notice.code == "incident-over").exists()
    page = at("sami").page("/nursery/incidents")
    row = [cell.get_text() for cell in page.select("tbody td")]
    assert row[0] == "Tessa"
    assert row[2] == "1"
    assert row[4] == "7", "seconds from the start to the first step"
    assert key not in str(page)


def test_the_end_is_told_to_each_guardian_and_nurse_once_without_a_name(tablet, as_user, cast):
    key = str(uuid4())
    sent = tells(cast, key, *run(cast))
    tablet.sync(events=sent)
    tablet.sync(events=sent)
    second = tells(cast, key, {"what": "end"})
    tablet.sync(events=second)

    notices = Notice.select().where(Notice.subject == key)
    told = {(notice.person_id, notice.code) for notice in notices}
    assert told == {
        (cast.ines.id, "incident-over"),
        (cast.marc.id, "incident-over"),
        (cast.noor.id, "incident-nearby"),
    }
    assert notices.count() == 3
    assert "Léo" not in as_user("noor").words("/notices")
    assert "Bei der Baach" in as_user("noor").words("/notices")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"what": "cure"},
        {"what": ["start"]},
        {"what": "start"},
        {"what": "start", "before": -1, "version": 1},
        {"what": "step", "at": "sheets.0.groups.0"},
        {"what": "step", "at": "sheets.0", "n": 0},
        {"what": "step", "at": "sheets.0.groups.0", "n": True},
        {"what": "dose", "at": "medicines.0", "ml": 5},
        {"what": "note", "text": ""},
        {"what": "note", "text": "x" * 501},
    ],
)
def test_a_line_that_says_no_act_is_refused(tablet, cast, body):
    head = tablet.sync(events=tells(cast, str(uuid4()), body))

    assert [code for _, code in head["refused"]] == ["malformed"]
    assert not Incident.select().exists()


def test_a_line_that_points_nowhere_is_kept_and_shown_as_such(tablet, at, cast):
    key = str(uuid4())
    tablet.sync(
        events=tells(
            cast,
            key,
            {"what": "start", "before": 0, "version": 1},
            {"what": "step", "at": "sheets.9.groups.0", "n": 0},
            {"what": "step", "at": severe(cast), "n": 99},
        )
    )

    assert lines(at("tessa").page(f"/incidents/{key}"))[1:] == ["Done: …", "Done: …"]


def test_two_tablets_that_ran_one_emergency_have_one_log_in_the_order_of_our_clock(
    tablet, enrol, at, cast
):
    one, two = str(uuid4()), str(uuid4())
    note = {"what": "note", "text": "second tablet"}
    start = {"what": "start", "before": 0, "version": 1}
    tablet.sync(events=tells(cast, one, start, {"what": "end"}, begun=0))
    tablet.sync(events=tells(cast, one, {"what": "correction", "text": "late"}, begun=90))
    enrol().sync(events=tells(cast, two, start, note, begun=1, clock_ok=True))

    first, other = (at("tessa").page(f"/incidents/{key}") for key in (one, two))

    assert lines(first) == lines(other)
    assert lines(first)[-2:] == ["Note: second tablet", "Correction: late"]
    assert "Two devices wrote this log" in first.get_text()


def test_another_device_cannot_write_into_a_log(tablet, enrol, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast)))

    head = enrol().sync(events=tells(cast, key, {"what": "note", "text": "forged"}))

    assert [code for _, code in head["refused"]] == ["malformed"]


def test_a_doubtful_clock_is_said_beside_its_line(tablet, at, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, {"what": "note", "text": "x"}, clock_ok=False))

    assert "the device’s clock was doubtful" in at("tessa").words(f"/incidents/{key}")


def test_a_correction_is_a_new_line_with_a_name_and_an_empty_one_is_refused(tablet, at, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast)))
    tessa = at("tessa")
    before = lines(tessa.page(f"/incidents/{key}"))

    assert tessa.post(f"/incidents/{key}/corrections", {"text": " "}).status_code == 422
    assert tessa.post(f"/incidents/{key}/corrections", {"text": "It was 8:01"}).status_code == 303

    page = tessa.page(f"/incidents/{key}")
    assert lines(page) == [*before, "Correction: It was 8:01"]
    assert "Tessa Klein" in page.select("[data-lines] li")[-1].get_text()


def test_a_used_box_leaves_the_list_once_and_of_this_plan_only(tablet, at, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, *run(cast)))
    mine, foreign = KitUnit.of(cast.leo_plan.id)[0], KitUnit.of(cast.mia_plan.id)[0]
    tessa = at("tessa")
    assert mine.label in tessa.words(f"/incidents/{key}")

    assert tessa.post(f"/incidents/{key}/used/{foreign.id}").status_code == 404
    assert tessa.post(f"/incidents/{key}/used/{mine.id}").status_code == 303
    assert tessa.post(f"/incidents/{key}/used/{mine.id}").status_code == 409

    assert mine.id not in {unit.id for unit in KitUnit.of(cast.leo_plan.id)}
    assert foreign.id in {unit.id for unit in KitUnit.of(cast.mia_plan.id)}


def test_a_child_without_a_plan_is_the_business_of_the_nursery_alone(tablet, as_user, cast):
    key = str(uuid4())
    start = {"what": "start", "before": 0}
    tablet.sync(events=tells(cast, key, start, {"what": "end"}, plan=""))

    assert as_user("tessa").get(f"/incidents/{key}").status_code == 200
    for name in ("ines", "olga", "noor"):
        assert as_user(name).get(f"/incidents/{key}").status_code == 404
    assert not Notice.select().where(Notice.subject == key).exists()


def test_one_that_nobody_ended_counts_as_over_six_hours_after_its_last_line(tablet, cast):
    key = str(uuid4())
    tablet.sync(events=tells(cast, key, {"what": "note", "text": "x"}))

    incident = Incident.get_by_id(key)
    assert incident.over == incident.last + timedelta(hours=6)

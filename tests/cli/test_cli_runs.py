"""One run from offer to prediction, carried by three node processes; and what a run refuses."""

import contextlib
import csv
import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.cli import node, processes
from aicommons.domain import errors, ids
from aicommons.node import journal
from aicommons.owner import rosters

if TYPE_CHECKING:
    from tests.cli.conftest import Place, Said

    Call = Callable[..., Said]
    MakeTable = Callable[[int, int], str]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RUN_KEYS = {
    "run_id", "state", "reason", "problem", "plan", "solver", "round", "attempt", "rounds_summed", "rounds_agreed",
    "most_rounds", "enrolled", "datasets", "roster", "fingerprint", "waits_for", "exits", "dropped", "model", "shares",
}  # fmt: skip
VERIFY_KEYS = {
    "run_id", "holds", "level", "verified", "problem", "checked", "unchecked", "consented", "meaning", "rounds",
    "metrics", "accusations", "convictions",
}  # fmt: skip
FORBIDDEN = {"sklearn", "pandas", "web3", "eth_account"}


def test_watch_told_every_round_and_the_end(founded: "Place", trained: str) -> None:
    """``run watch --json`` prints an object per round, with figures where this home took part, then one for the end."""
    again = founded.call("north", "run", "watch", trained, "--json")
    *rounds, end = again.objects
    assert [each["round"] for each in rounds] == [0, 1, 2, 3]
    assert all(set(each) == {"round", "attempt", "participants", "seconds", "metrics"} for each in rounds)
    assert all(each["seconds"] is None for each in rounds)  # over before the first look
    assert " s  " not in founded.call("north", "run", "watch", trained).out
    assert rounds[0]["metrics"] == {}
    assert rounds[3]["metrics"]["auc"] > 0.7
    assert set(end) == RUN_KEYS | {"own"}
    assert end["state"] == "completed"


def test_run_is_shown_with_own_figures(founded: "Place", trained: str) -> None:
    """A site sees its own figures, an outsider does not; both see the same run."""
    inside, outside = (founded.done(home, "run", "show", trained) for home in ("north", "solver"))
    assert set(inside["own"]) == {"confirmed", "figures", "bytes_sent", "refusals", "not_permitted", "fitting_ended"}
    assert inside["own"]["confirmed"] is True
    assert inside["own"]["bytes_sent"] > 0
    assert outside["own"] == {}
    assert {key: inside[key] for key in RUN_KEYS} == {key: outside[key] for key in RUN_KEYS}
    assert sum(inside["shares"].values()) == 1_000_000
    assert inside["shares"]["1"] == 200_000  # problem owner and solver in one
    words = founded.call("north", "run", "show", trained[:12]).out
    assert "completed: all rounds are done" in words
    assert "North (member 2)" in words
    assert trained in [each["run_id"] for each in founded.done("east", "run", "list")["runs"]]


def test_run_verifies_in_a_fresh_process(founded: "Place", trained: str) -> None:
    """Ledger and store alone prove the record; a reader's key opens the sums as well."""
    plain = founded.running.call(founded.root / "solver", "run", "verify", trained)
    assert set(plain) == VERIFY_KEYS
    assert (plain["holds"], plain["level"], plain["verified"], plain["problem"]) == (True, "record", False, None)
    assert [(each["part"], each["reason"]) for each in plain["unchecked"]] == [("sums", "no_reader_key")]
    assert "inputs were honest" in plain["meaning"]
    reader = founded.done("solver", "run", "verify", trained, "--from-home", "reader")
    assert (reader["holds"], reader["level"], reader["verified"]) == (True, "sums", True)
    assert reader["unchecked"] == []
    assert ("sums", 4) in {(each["part"], each["count"]) for each in reader["checked"]}
    founded.init("guest", "--deployment", founded.deployment)
    founded.done("operator", "member", "admit", founded.done("guest", "member", "apply")["applicant"])
    said = founded.call("guest", "run", "verify", trained, "--from-home", "reader")
    assert said.code == 1
    assert "not a reader" in said.err


def test_a_site_verifies_from_the_sums_that_its_node_kept(founded: "Place", trained: str) -> None:
    """A site's key for the run is gone at its end: a clear error says so, and what its node kept serves instead."""
    said = founded.call("north", "run", "verify", trained, "--from-home", "reader")
    assert said.code == 1
    assert "it took part" in said.err
    assert "--from-home node" in said.err
    report = founded.done("north", "run", "verify", trained, "--from-home", "node")
    assert (report["holds"], report["level"], report["verified"]) == (True, "kept_sums", False)
    assert [(each["part"], each["reason"]) for each in report["unchecked"]] == [("sums", "no_reader_key")]
    said = founded.call("solver", "run", "verify", trained, "--from-home", "node")
    assert said.code == 1
    assert "kept no sums" in said.err


def test_model_is_the_same_for_participant_and_reader(founded: "Place", trained: str, tmp_path: pathlib.Path) -> None:
    """A site takes the model from its own journal, a reader computes it again: the same bytes."""
    files = {home: tmp_path / f"{home}.safetensors" for home in ("north", "solver")}
    digests = {
        home: founded.done(home, "model", "download", trained, "--out", str(file))["digest"]
        for home, file in files.items()
    }
    assert digests["north"] == digests["solver"]
    assert files["north"].read_bytes() == files["solver"].read_bytes()
    said = founded.call("north", "model", "download", trained, "--out", str(files["north"]))
    assert said.code == 1
    assert "never overwritten" in said.err
    shown = founded.done("operator", "model", "show", trained)
    assert shown["shares"]["2"] + shown["shares"]["3"] + shown["shares"]["4"] == 800_000
    assert [each["member"] for each in shown["sources"]] == [2, 3, 4]
    assert trained in [each["run_id"] for each in founded.done("operator", "model", "list")["models"]]


def test_a_model_that_this_home_cannot_read_names_who_can(
    founded: "Place", trained: str, tmp_path: pathlib.Path
) -> None:
    """A home that neither took part nor reads the sums is told who does, and not how to verify."""
    founded.init("onlooker", "--deployment", founded.deployment)
    said = founded.call("onlooker", "model", "download", trained, "--out", str(tmp_path / "model.safetensors"))
    assert said.code == 1
    assert "this model can be read by its participants and member 1 " in said.err
    assert "Next: ask one of them" in said.err
    assert "verify" not in said.err


def test_a_card_that_cannot_be_had_is_said_with_the_reason(founded: "Place", trained: str) -> None:
    """With the store down a model is listed and shown without its card, and the reason stands in the card's place."""
    ledger, _ = founded.urls
    arguments = ["--rpc", ledger, "--store", "http://127.0.0.1:9", "--deployment", founded.deployment]
    founded.done("storeless", "init", "--name", "Storeless", *arguments)
    assert "card not readable: the store does not answer" in founded.call("storeless", "model", "list").out
    assert "not readable: the store does not answer" in founded.call("storeless", "model", "show", trained).out
    listed = founded.done("storeless", "model", "list")["models"]
    assert {each["card_missing"] for each in listed} == {"the store does not answer"}


def test_predict_needs_no_target_and_keeps_the_rows(founded: "Place", trained: str, tmp_path: pathlib.Path) -> None:
    """Every row gets a line, in order; rows with a gap get no prediction; a run and its file predict the same."""
    table, out, model = tmp_path / "new.csv", tmp_path / "out.csv", tmp_path / "m.safetensors"
    table.write_text("sex;age\nf;25\nm;\nm;88\n")
    founded.done("north", "model", "download", trained, "--out", str(model))
    from_run = founded.done("north", "model", "predict", trained, str(table))
    assert [each["prediction"] for each in from_run["predictions"]] == ["no", None, "yes"]
    assert from_run["incomplete"] == 1
    assert founded.done("operator", "model", "predict", str(model), str(table)) == from_run
    founded.done("north", "model", "predict", str(model), str(table), "--out", str(out))
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["line"] for row in rows] == ["2", "3", "4"]
    assert [row["prediction"] for row in rows] == ["no", "", "yes"]
    assert abs(sum(float(rows[0][f"probability {each}"]) for each in ("no", "yes")) - 1) < 1e-5


BAD_PREDICTIONS = {
    "a feature is missing": ("age\n50\n", "sex"),
    "an unknown level": ("age,sex\n50,q\n", "column sex"),
    "out of bounds": ("age,sex\n1e9,f\n", "column age"),
    "a header only": ("age,sex\n", "header only"),
}


@pytest.mark.parametrize("row", BAD_PREDICTIONS)
def test_bad_table_is_not_predicted(founded: "Place", trained: str, tmp_path: pathlib.Path, row: str) -> None:
    """A table that the model was not made for is refused as in training."""
    text, expected = BAD_PREDICTIONS[row]
    table = tmp_path / "new.csv"
    table.write_text(text)
    said = founded.call("north", "model", "predict", trained, str(table))
    assert said.code == 1
    assert expected in said.err


def test_damaged_model_is_refused(founded: "Place", trained: str, tmp_path: pathlib.Path) -> None:
    """A model file that was cut is not used."""
    file = tmp_path / "m.safetensors"
    founded.done("north", "model", "download", trained, "--out", str(file))
    file.write_bytes(file.read_bytes()[:-1])
    said = founded.call("north", "model", "predict", str(file), str(tmp_path / "t.csv"))
    assert said.code == 1
    assert "not a model" in said.err


def _consent(founded: "Place", offered: dict[str, str], site: str, *more: str) -> str:
    given = founded.done(site, "consent", "give", offered[site], "--purpose", "DUO:0000007", *more)
    return str(given["consent"])


def test_enrol_refuses_before_anything_is_sent(
    founded: "Place", offered: dict[str, str], make_table: "MakeTable"
) -> None:
    """Too few rows, a wrong consent or a changed file keep a site out; it enrols once the file is right again."""
    run_id = founded.open_run(offered, "--min-cohort", "50")
    consent = _consent(founded, offered, "north")
    enrol = ["run", "enrol", run_id, "--dataset", offered["north"], "--consent", consent]
    file = founded.root / "north.csv"
    whole = file.read_text()
    try:
        file.write_text(make_table(49, 0))
        few = founded.call("north", *enrol)
        file.write_text(whole.replace("outcome", "result"))
        other = founded.call("north", *enrol)
    finally:
        file.write_text(whole)
    assert (few.code, other.code) == (1, 1)
    assert "minimum cohort" in few.err
    assert "outcome" in other.err
    wrong = founded.call(
        "north", "run", "enrol", run_id, "--dataset", "1", "--consent", _consent(founded, offered, "south")
    )
    assert wrong.code == 1
    assert founded.done("north", "run", "show", run_id)["enrolled"] == []
    assert founded.done("north", *enrol)["rows"] == 60
    again = founded.call("north", *enrol)
    assert "TrainingRunsAlreadyEnrolled" in again.err or "DataRegistryUseDenied" in again.err


def test_consent_for_another_purpose_does_not_count(founded: "Place", offered: dict[str, str]) -> None:
    """A consent covers its purposes; a run with another one is refused by the contract, in words."""
    run_id = founded.open_run(offered)
    given = founded.done("east", "consent", "give", offered["east"], "--purpose", "DUO:0000011")
    said = founded.call("east", "run", "enrol", run_id, "--dataset", offered["east"], "--consent", given["consent"])
    assert said.code == 1
    assert "does not permit this run now: the consent does not cover the purpose" in said.err


def test_roster_of_fewer_than_three_is_never_closed(founded: "Place", offered: dict[str, str]) -> None:
    """Two sites could compute each other's numbers, so their run stays open; the solver may cancel it."""
    run_id = founded.open_run(offered)
    for site in ("north", "east"):
        arguments = ["--dataset", offered[site], "--consent", _consent(founded, offered, site)]
        founded.done(site, "run", "enrol", run_id, *arguments)
    said = founded.call("solver", "run", "close", run_id)
    assert said.code == 1
    assert "too few sites" in said.err
    assert "not fixed yet" in founded.call("north", "run", "confirm", run_id, "--yes").err
    assert founded.call("north", "run", "cancel", run_id).code == 1
    assert founded.done("solver", "run", "cancel", run_id)["state"] == "aborted"
    assert "no model" in founded.call("north", "model", "show", run_id).err


def test_confirm_needs_the_right_fingerprint(founded: "Place", trained: str) -> None:
    """Another fingerprint, nobody to ask, or no seat: nothing is confirmed."""
    forged = founded.call("north", "run", "confirm", trained, "--fingerprint", "00" * 32)
    assert forged.code == 1
    assert "fingerprint is another one" in forged.err
    assert "nobody confirmed" in founded.call("north", "run", "confirm", trained).err
    assert "no seat" in founded.call("solver", "run", "confirm", trained, "--yes").err
    right = founded.done("north", "run", "show", trained)["fingerprint"]
    spelled = " ".join(right[at : at + 4] for at in range(0, 64, 4))
    assert founded.done("north", "run", "confirm", trained, "--fingerprint", spelled)["confirmed"] is True


def test_confirm_shows_what_is_agreed_to(founded: "Place", trained: str, offered: dict[str, str]) -> None:
    """Whoever confirms sees the participants, who else reads the sums, and which table of this site is used."""
    said = founded.call("north", "run", "confirm", trained, "--yes")
    assert said.code == 0
    assert "its sums are read by them and Solver (member 1)" in said.err
    assert f"this site brings dataset {offered['north']} (Table north, version 1)" in said.err
    assert "north.csv" in said.err


def test_a_roster_too_near_to_an_earlier_one(founded: "Place", trained: str, offered: dict[str, str]) -> None:
    """After a run of three sites, one with a fourth beside them on the same problem needs the operator's word."""
    place = founded.root / "north"
    run_id = ids.RunId(bytes.fromhex(trained.removeprefix("0x")))
    with contextlib.closing(journal.Journal(app.Home(place).journal_file)) as kept:
        pin, released = (
            kept.pinned(run_id),
            kept.released(bytes.fromhex(offered["problem"].removeprefix("0x")), int(offered["north"])),
        )
        assert pin is not None
        assert [(each.run_id, each.members) for each in released] == [(run_id, (2, 3, 4))]
        later, members = ids.RunId(bytes(32)), (2, 3, 4, 6)
        with pytest.raises(errors.InputError, match="differ only in member 6 from those"):
            rosters.check_overlap(kept, later, pin, members=members, preferred=1)
        accepted = dataclasses.replace(pin, may_overlap=True)
        rosters.check_overlap(kept, later, accepted, members=members, preferred=1)


def test_exit_in_advance_is_signed_by_the_node(founded: "Place", offered: dict[str, str]) -> None:
    """``--absence exit`` enrols with an exit that the contract accepts as the node key's."""
    run_id = founded.open_run(offered)
    arguments = ["--dataset", offered["south"], "--consent", _consent(founded, offered, "south"), "--absence", "exit"]
    assert founded.done("south", "run", "enrol", run_id, *arguments)["absence"] == "exit"
    assert founded.done("south", "run", "show", run_id)["enrolled"] == [4]


def test_one_node_per_home(founded: "Place", trained: str) -> None:
    """A second node on the same home would contradict the first, and does not start."""
    said = founded.call("north", "node", "start", "--once")
    assert trained
    assert said.code == 1
    assert "already" in said.err


def test_node_of_nobody_does_not_start(founded: "Place") -> None:
    """A node key that no member has is named with the next step."""
    founded.init("stranger", "--deployment", founded.deployment)
    said = founded.call("stranger", "node", "start")
    assert said.code == 1
    assert "stranger member apply" in said.err


def test_node_loads_nothing_heavy(founded: "Place") -> None:
    """A node at work never loads scikit-learn, pandas, web3 or eth_account."""
    home = founded.root / "solver"
    code = (
        "import sys; from aicommons.cli import main, output;"
        f"code = output.run(main.commons, ['--home', {str(home)!r}, '--json', 'node', 'start', '--once']);"
        "print(code, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ready, loaded = done.stdout.splitlines()
    assert '"member": 1' in ready
    assert loaded.split()[0] == "0"
    assert not FORBIDDEN & set(loaded.split())


def test_node_ends_by_sigterm_with_success(founded: "Place", trained: str) -> None:
    """SIGTERM ends a node after its step, with exit code 0 and a last line in its log."""
    del trained  # its nodes are other homes' nodes
    command = processes.command(founded.root / "solver", "node", "start")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"member": 1')
        process.terminate()
        assert process.wait(10) == 0
    assert (founded.root / "solver" / "node" / "node.log").read_text().rstrip().endswith("node ended")


def test_bell_ends_a_wait_at_once() -> None:
    """A signal that comes before or during a wait ends it; waiting is never longer than asked."""
    with node.Bell() as bell:
        bell.wait(0.001)
        assert not bell.is_rung
        os.kill(os.getpid(), 15)
        bell.wait(60)
        assert bell.is_rung


def test_a_child_that_ends_wakes_the_node() -> None:
    """The end of a child ends a wait without ringing, so its result is taken at once; then the node waits again."""
    with node.Bell() as bell:
        begun = time.monotonic()
        with subprocess.Popen([sys.executable, "-c", ""]):
            bell.wait(60)
        assert time.monotonic() - begun < 50
        assert not bell.is_rung
        begun = time.monotonic()
        bell.wait(0.2)
        assert time.monotonic() - begun > 0.1

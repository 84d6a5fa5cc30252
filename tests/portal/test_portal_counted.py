"""What an offer counts where people are asked: the rows that the node would bring, not those of the whole table."""

import hashlib
import pathlib
import random
import time
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import errors
from aicommons.owner import deciding, keyed, offers, stewarding
from aicommons.protocol import inbox as rules

if TYPE_CHECKING:
    from tests.portal.conftest import Desk

TERMS = stewarding.Terms(("DUO:0000007",), "2999-12-31", "Amina")


def open_with(desk: "Desk", papers: int) -> None:
    """Give the table a column of keys, a register, and consents of the first people in it, posted."""
    draw = random.Random(5)
    rows = [f"p{n},{draw.uniform(20, 90):.1f},{'yes' if n % 2 else 'no'}" for n in range(60)]
    table = desk.home.datasets()[1]["path"]
    pathlib.Path(table).write_text("\n".join(["patient,age,outcome", *rows]) + "\n", encoding="utf-8")
    desk.home.ask_people(1)
    kept = app.open_consents(desk.home, desk.owner.wallet)
    kept.key_file.create(desk.owner.wallet)
    with kept.register() as here:
        here.open(1, "patient")
    desk.owner.desk.open_register(1)
    settings = desk.home.settings()
    app.write_private(desk.home.deployment_file(settings.chain_id), desk.commons.deployment.to_json())
    add(desk, range(papers))


def add(desk: "Desk", people: range) -> None:
    """Enter consents and post them."""
    with stewarding.at(desk.home, desk.owner.wallet) as counter:
        for n in people:
            signed = stewarding.Signed(f"p{n}", hashlib.sha256(b"%d" % n).digest())
            stewarding.enter(counter, 1, signed, TERMS, look=desk.owner.desk.view, now=int(time.time()))
        stewarding.post(counter, desk.owner.desk, 1)


def test_an_offer_counts_the_people_who_consent(desk: "Desk") -> None:
    """Rows, people and the smallest group are those of everybody whose consent covers the run; a new paper is counted at once."""
    open_with(desk, papers=24)
    run_id, clerk = desk.propose(), desk.clerk
    (fit,) = offers.make_offer(clerk.place, clerk.papers, clerk.tables, run_id).fits
    assert fit.measured.trouble is None
    assert (fit.measured.rows, fit.measured.people) == (24, 24)
    assert fit.measured.cell is not None
    assert fit.measured.cell.rows < 24
    add(desk, range(24, 30))
    (fit,) = offers.make_offer(clerk.place, clerk.papers, clerk.tables, run_id).fits
    assert fit.measured.people == 30
    living = keyed.living(desk.home, desk.owner.wallet, desk.owner.desk.view(), 1)
    assert living is not None
    assert len(living.tags) == 30


def test_a_key_without_a_row_is_entered_only_on_purpose(desk: "Desk") -> None:
    """A key that no row has is refused, on the page too, unless the steward says so; the key stands in its own field alone."""
    open_with(desk, papers=2)
    visitor, session = desk.open_page()
    listed = [("token", session.form_token), ("purposes", "DUO:0000007"), ("person", "p7777"), ("until", "2999-12-31")]
    listed += [("steward", "Amina"), ("receipt_language", "en")]
    refused = visitor.send("/consents/1/enter", listed, {"paper": b"a scan"})
    assert refused.status == 409
    assert "no row of the table has this key now" in refused.text
    assert "the column patient" in refused.text
    assert "p7777" not in refused.text.replace('required value="p7777"', "")  # it stays in its own field
    taken = visitor.send("/consents/1/enter", [*listed, ("not_in_table", "on")], {"paper": b"a scan"})
    assert taken.status == 303


def test_a_scan_of_another_person_is_told(desk: "Desk") -> None:
    """The same scan for a second person is told to the steward; for the same person it is none."""
    open_with(desk, papers=1)
    scan = hashlib.sha256(b"one paper").digest()
    with stewarding.at(desk.home, desk.owner.wallet) as counter:
        made = [
            stewarding.enter(
                counter, 1, stewarding.Signed(person, scan), TERMS, look=desk.owner.desk.view, now=int(time.time())
            )
            for person in ("p1", "p2")
        ]
    assert [each.is_same_scan for each in made] == [False, True]


def test_too_few_people_are_not_approved(desk: "Desk") -> None:
    """A run is not enrolled for while fewer people consent than the dataset wants; the refusal says so and what to do."""
    open_with(desk, papers=3)
    run_id = desk.propose()
    with pytest.raises(errors.InputError, match="too few people with consent") as caught:
        deciding.decide(desk.clerk, desk.key(run_id), deciding.Word(rules.Verdict.APPROVE))
    assert "consent post" in str(caught.value)
    assert not desk.is_enrolled(run_id)

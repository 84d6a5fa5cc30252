"""The consent desk on the page: papers in, people found, receipts once, withdrawals; and where a person's key never is."""

import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from aicommons import app
from aicommons.domain import consents, errors
from aicommons.node.consents import wording
from aicommons.owner import stewarding
from aicommons.portal import guard, tray

if TYPE_CHECKING:
    from tests.portal.conftest import Answer, Desk, Visitor

PERSON = "patient-<Zq1044Zq>"
ADULT = {"person": PERSON, "until": "2999-12-31", "steward": "Amina <Njeri>", "receipt_language": "sw"}
CHILD = {"born": "2016-02-03", "guardian": "Zawadi Otieno", "relation": "mother"}
SCAN, PROOF = b"a signed paper", b"a certificate of birth"
NOW = int(time.time())


@pytest.fixture
def kept(desk: "Desk") -> Iterator["Desk"]:
    """A home with an empty register behind its dataset, also on the ledger."""
    open_register(desk)
    return desk


def open_register(desk: "Desk") -> None:
    """Ask for people's consent from now on."""
    opened = app.open_consents(desk.home, desk.owner.wallet)
    opened.key_file.create(desk.owner.wallet)
    with opened.register() as here:
        here.open(1, "patient")
    desk.owner.desk.open_register(1)
    settings = desk.home.settings()
    app.write_private(desk.home.deployment_file(settings.chain_id), desk.commons.deployment.to_json())


def enter(
    visitor: "Visitor", session: guard.Session, fields: dict[str, str], files: dict[str, bytes] | None = None
) -> "Answer":
    """Send a paper."""
    listed = [("token", session.form_token), ("purposes", "DUO:0000007"), *fields.items()]
    return visitor.send("/consents/1/enter", listed, {"paper": SCAN} if files is None else files)


def test_a_paper_is_entered_and_its_receipt_is_shown_in_the_persons_language(kept: "Desk") -> None:
    """The receipt says what was agreed, in Swahili, with the code that withdraws; the code is kept nowhere."""
    visitor, session = kept.open_page()
    answer = enter(visitor, session, ADULT)
    assert answer.status == 303, answer.text
    place = answer.headers["location"]
    assert place.startswith("/consents/receipts/")
    page = visitor.get(place)
    words = wording.WORDS["sw"]
    for said in (
        words["title"],
        words["code"],
        "Amina &lt;Njeri&gt;",
        "1-0",
        "31/12/2999",
        "utafiti wa ugonjwa mahususi (DUO:0000007)",
        "The &lt;owner&gt;",
    ):
        assert said in page.text
    assert re.search(r'<article class="receipt" lang="sw">', page.text)
    code = re.search(r'<p class="code">([0-9A-Z-]{34})</p>', page.text)
    assert code is not None
    assert "<style" not in page.text
    assert "style=" not in page.text
    with stewarding.at(kept.home, kept.owner.wallet) as counter:
        assert stewarding.find(counter, stewarding.Wanted(code=code.group(1))) == [(1, 0)]
    for file in kept.home.path.rglob("*"):
        assert not file.is_file() or code.group(1).encode() not in file.read_bytes()
    handed = visitor.post(f"{place.partition('?')[0]}/handed", {"token": session.form_token})
    assert handed.status == 303
    assert "not shown any more" in visitor.get(place).text


def test_a_childs_paper_needs_guardian_and_proof(kept: "Desk") -> None:
    """A child is entered with guardian and proof of guardianship, and the day of majority alone is kept."""
    visitor, session = kept.open_page()
    refused = enter(visitor, session, ADULT | CHILD)
    assert refused.status == 409
    assert "nothing proves guardianship" in refused.text
    answer = enter(visitor, session, ADULT | CHILD, {"paper": SCAN, "guardian_paper": PROOF})
    assert answer.status == 303
    with stewarding.at(kept.home, kept.owner.wallet) as counter:
        record = counter.register.get(1, 0).record
    assert record.subject is consents.Subject.CHILD
    assert record.guardian is not None
    assert (record.guardian.name, record.guardian.relation) == ("Zawadi Otieno", "mother")
    text = visitor.get("/consents/1/0").text
    assert "2034-02-03" in text
    assert "2016-02" not in text


def test_a_persons_key_is_in_no_address_no_log_and_no_file(kept: "Desk", caplog: pytest.LogCaptureFixture) -> None:
    """Looking up leads to a consent's number; the key stays in the form, and files hold its tag alone."""
    caplog.set_level(logging.DEBUG)
    visitor, session = kept.open_page()
    first = enter(visitor, session, ADULT)
    found = visitor.post("/consents/1/find", {"token": session.form_token, "person": PERSON})
    assert (found.status, found.headers["location"]) == (303, "/consents/1/0")
    unknown = visitor.post("/consents/1/find", {"token": session.form_token, "person": "patient-99"})
    assert unknown.status == 409
    told = [visitor.get(path).text for path in ("/consents", "/consents/1", "/consents/1/0", "/log", "/")]
    given_back = unknown.text.replace(
        'name="person" maxlength="200" autocomplete="off" aria-describedby="find-hint" value="patient-99"', ""
    )
    for text in [first.headers["location"], given_back, caplog.text, *told]:
        assert "Zq1044Zq" not in text
        assert "patient-99" not in text
    for file in kept.home.path.rglob("*"):
        assert not file.is_file() or b"Zq1044Zq" not in file.read_bytes()


def test_a_withdrawal_needs_a_tick_and_is_over_then(kept: "Desk") -> None:
    """Without the tick nothing happens; with it the consent is over, once, whatever the operators' PINs."""
    with kept.clerk.inbox() as house:
        house.add_operator("Ada", "123456", bytes(16))
    visitor, session = kept.open_page()
    enter(visitor, session, ADULT | {"operator": "Ada", "pin": "123456"})
    path, token = "/consents/1/0/withdraw", {"token": session.form_token}
    assert visitor.post(path, token).status == 409
    with stewarding.at(kept.home, kept.owner.wallet) as counter:
        assert counter.register.withdrawn(1) == frozenset()
    assert visitor.post(path, token | {"confirmed": "on"}).status == 303
    with stewarding.at(kept.home, kept.owner.wallet) as counter:
        assert counter.register.withdrawn(1) == frozenset({0})
    again = visitor.post(path, token | {"confirmed": "on"})
    assert "nothing is left to withdraw" in again.text
    assert "/consents/1/0/withdraw" not in visitor.get("/consents/1/0").text


BAD_PAPERS = {
    "nobody": ({"person": " "}, {"paper": SCAN}, "nobody is named"),
    "no scan": ({}, {}, "scan of the signed paper is missing"),
    "an empty scan": ({}, {"paper": b""}, "scan of the signed paper is missing"),
    "no last day": ({"until": ""}, {"paper": SCAN}, "not a date"),
    "over already": ({"until": "2020-01-01"}, {"paper": SCAN}, "over already"),
    "nobody enters it": ({"steward": ""}, {"paper": SCAN}, "nobody enters this"),
    "a language that is none": ({"receipt_language": "xx"}, {"paper": SCAN}, "no receipts in this language"),
    "an unknown purpose": ({"purposes": "DUO:9"}, {"paper": SCAN}, "purpose"),
    "a banned purpose": ({"purposes": "aic:MilitaryUse"}, {"paper": SCAN}, "nothing may be used for"),
    "uses that are none": ({"uses": "-1"}, {"paper": SCAN}, "not a whole number"),
    "a guardian without a birth date": ({"guardian": "Z"}, {"paper": SCAN}, "date of birth"),
    "an address that is none": ({"holder": "0x12"}, {"paper": SCAN}, "not an address"),
    "another's form": ({"token": "0"}, {"paper": SCAN}, "open the page again"),
}


@pytest.mark.parametrize(("fields", "files", "words"), BAD_PAPERS.values(), ids=BAD_PAPERS.keys())
def test_bad_papers_are_refused(kept: "Desk", fields: dict[str, str], files: dict[str, bytes], words: str) -> None:
    """What does not hold together is said, the key stands in its own field alone, and nothing is entered."""
    visitor, session = kept.open_page()
    answer = enter(visitor, session, ADULT | fields, files)
    assert answer.status == 409
    assert words in answer.text
    assert "Zq1044Zq" not in answer.text.replace('required value="patient-&lt;Zq1044Zq&gt;"', "")
    with stewarding.at(kept.home, kept.owner.wallet) as counter:
        assert counter.register.count(1) == 0


FRENCH = {
    "over already": (
        {"until": "2020-01-01"},
        "<strong>Dernier jour</strong>\u202f: ce jour est déjà passé",
        "choisissez un jour",
    ),
    "a child alone": ({"born": "2020-01-01"}, "<strong>Qui a signé pour l'enfant</strong>", "nommez qui a signé"),
    "no such purpose": ({"purposes": "DUO:9"}, "<strong>Finalités</strong>", "de la liste"),
}


@pytest.mark.parametrize(("fields", "words", "step"), FRENCH.values(), ids=FRENCH.keys())
def test_refusals_speak_the_pages_language_and_give_the_form_back(
    kept: "Desk", fields: dict[str, str], words: str, step: str
) -> None:
    """The field has the form's own name, the way out stands there, and nothing but scans and PINs is typed again."""
    visitor, session = kept.open_page()
    visitor.cookies += "; commons_language=fr"
    given = ADULT | {"guardian": "", "pin": "123456", "uses": "7"} | fields
    answer = enter(visitor, session, given)
    assert answer.status == 409
    assert words in answer.text
    assert step in answer.text
    assert 'value="patient-&lt;Zq1044Zq&gt;"' in answer.text
    assert re.search(r'<details open>\s*<summary>Plus sur le papier|name="uses"[^>]* value="7"', answer.text)
    assert 'value="DUO:0000007" checked' in answer.text
    assert "123456" not in answer.text
    assert "expires" not in answer.text
    assert answer.text.count("<details open>") == 1 + ("born" in fields)


def test_purposes_of_health_and_research_come_first_in_the_desks_language(kept: "Desk") -> None:
    """A short list is open, the rest folded away, and what nobody has translated says that it is English."""
    visitor, _ = kept.open_page()
    visitor.cookies += "; commons_language=fr"
    first, _, more = visitor.get("/consents/1").text.partition("Autres finalités…")
    assert "recherche sur une maladie précise" in first
    assert first.count('name="purposes"') == 10
    assert "vente de données à des tiers" in more
    assert "sans restriction" in more
    assert '<span lang="en">vendor management' in more


def test_the_same_paper_is_entered_once(kept: "Desk") -> None:
    """A form that is sent twice enters one consent."""
    visitor, session = kept.open_page()
    assert enter(visitor, session, ADULT).status == 303
    assert "entered before" in enter(visitor, session, ADULT).text


def test_posting_shows_the_register_on_the_ledger(kept: "Desk") -> None:
    """The desk says what the ledger does not show yet; posting shows it, and the next change is missing again."""
    visitor, session = kept.open_page()
    enter(visitor, session, ADULT)
    assert "not yet posted" in visitor.get("/consents").text
    assert visitor.post("/consents/1/post", {"token": session.form_token}).status == 303
    assert kept.owner.desk.view().registers[1].leaves == 1
    assert "not yet posted" not in visitor.get("/consents").text
    visitor.post("/consents/1/0/withdraw", {"token": session.form_token, "confirmed": "on"})
    assert "not yet posted" in visitor.get("/consents/1").text


def test_wards_of_age_wait_in_the_inbox_until_they_sign_alone(kept: "Desk") -> None:
    """Who was a child on the paper and is none now has to be asked; their own paper, or a withdrawal, settles it."""
    visitor, session = kept.open_page()
    grown = ADULT | CHILD | {"born": "2005-01-01", "given": "2020-01-01"}
    enter(visitor, session, grown, {"paper": SCAN, "guardian_paper": PROOF})
    for path in ("/", "/inbox", "/consents", "/consents/1"):
        assert "Ask the person: consent 1-0" in visitor.get(path).text, path
    assert "has come of age" in visitor.get("/consents/1/0").text
    assert enter(visitor, session, ADULT, {"paper": b"signed alone"}).status == 303
    assert "Ask the person" not in visitor.get("/inbox").text
    assert "has come of age" not in visitor.get("/consents/1/1").text


def test_another_receipt_has_a_code_of_its_own(kept: "Desk") -> None:
    """A lost receipt is printed again; both codes find the consent at this home."""
    visitor, session = kept.open_page()
    places = [enter(visitor, session, ADULT).headers["location"]]
    places.append(visitor.post("/consents/1/0/receipt", {"token": session.form_token}).headers["location"])
    codes = [re.search(r'<p class="code">([^<]+)<', visitor.get(place).text) for place in places]
    one, other = (code.group(1) for code in codes if code is not None)
    assert one != other
    for code in (one, other):
        found = visitor.post("/consents/1/find", {"token": session.form_token, "code": code})
        assert found.headers["location"] == "/consents/1/0"


def test_a_home_without_a_register_says_how_to_begin(shared_desk: "Desk") -> None:
    """There is nothing to enter before a dataset asks for consent."""
    visitor, session = shared_desk.open_page()
    assert "commons consent open DATASET" in visitor.get("/consents").text
    assert "keeps no register" in visitor.get("/consents/1").text
    assert enter(visitor, session, ADULT).status == 409


def test_receipts_are_forgotten_after_a_while() -> None:
    """A receipt that nobody fetched is gone after a quarter of an hour, and so is the oldest of too many."""
    times = [0.0]
    waiting = tray.Tray(lambda: times[0])
    receipt = object()
    name = waiting.put(receipt)  # type: ignore[arg-type]
    assert waiting.get(name) is receipt
    times[0] = tray.WAIT_SECONDS + 1.0
    with pytest.raises(errors.InputError, match="not shown any more"):
        waiting.get(name)
    names = [waiting.put(receipt) for _ in range(tray.MOST_WAITING + 1)]  # type: ignore[arg-type]
    with pytest.raises(errors.InputError):
        waiting.get(names[0])
    assert waiting.get(names[1]) is receipt


def test_scans_may_be_long_and_other_forms_not(kept: "Desk") -> None:
    """A scan of some megabytes is hashed and forgotten; other pages' forms stay short."""
    visitor, session = kept.open_page()
    assert enter(visitor, session, ADULT, {"paper": b"x" * 3_000_000}).status == 303
    longer = [("token", session.form_token), ("reason", "x" * guard.MOST_BODY)]
    assert visitor.send("/stop", longer, {}).status == 413
    with sqlite3.connect(kept.home.consents_folder / "register.db") as opened:
        ((evidence,),) = opened.execute("SELECT evidence FROM entry")
    assert len(evidence) == 32
    assert sum(file.stat().st_size for file in kept.home.consents_folder.rglob("*") if file.is_file()) < 1_000_000


def test_a_damaged_register_does_not_take_the_stop_button_away(kept: "Desk") -> None:
    """Where the register does not open, its own pages say so, and every other page works."""
    (kept.home.consents_folder / "key.json").write_text("{}")
    visitor, _ = kept.open_page()
    assert visitor.get("/consents").status == 409
    for path in ("/", "/inbox", "/stop", "/datasets"):
        assert visitor.get(path).status == 200, path

"""commons.toml: what it says becomes the founding's values; what no contract takes or nobody could mend is refused by its name."""

import pytest

from aicommons.domain import errors, ids, model_events, money_events, vocabulary, vote_events
from aicommons.ledger import charter, deployments

SELF = ids.Address(b"\x01" * 20)
A, B = ("0x" + text * 20 for text in ("aa", "bb"))
WORD, OTHER = "0x" + "cd" * 32, "0x" + "ce" * 32
FOUNDER = f'[[founders]]\naccount = "{A}"\nnode_key = "{B}"\nreader_point = "{WORD}"\ncredential = "{WORD}"\n'
SECOND = f'[[founders]]\naccount = "{B}"\nnode_key = "{A}"\nreader_point = "{WORD}"\ncredential = "{OTHER}"\n'


def read(text: str) -> deployments.Founding:
    """Return what a file says."""
    return charter.read(text.encode(), SELF)


def test_an_empty_file_is_every_default() -> None:
    """Whoever says nothing gets the defaults of the records, one registrar and the usual bans."""
    made = read("")
    assert made.registrars == [SELF]
    assert (made.threshold, made.founders) == (1, ())
    assert made.votes == deployments.VoteRules()
    assert made.problems == deployments.ProblemRules()
    assert made.audits == deployments.AuditRules()
    assert made.banned == vocabulary.bits(vocabulary.BANNED_PURPOSES, closed=False)
    assert list(made.purposes) == [each.code for each in vocabulary.PURPOSES]


def test_everything_can_be_said() -> None:
    """Each value of the file arrives in its place."""
    text = f"""
registrars = ["{A}", "{B}"]
threshold = 2
banned = ["aic:MilitaryUse"]
[votes]
delay = 1
period = 2
percent = 3
minimum = 4
timelock = 5
[problems]
review = 6
challenge = 7
[audits]
audits = 8
delay = 9
"""
    made = read(text + FOUNDER + f'kind = "person"\nprofile = "1220{"ab" * 32}"\n' + SECOND)
    assert made.registrars == [bytes.fromhex("aa" * 20), bytes.fromhex("bb" * 20)]
    assert made.threshold == 2
    assert made.banned == 1 << vocabulary.bit("aic:MilitaryUse")
    assert made.votes == deployments.VoteRules(1, 2, 3, 4, 5)
    assert made.problems == deployments.ProblemRules(6, 7)
    assert made.audits == deployments.AuditRules(8, 9)
    one, other = made.founders
    assert (one.account, one.kind, one.profile) == (bytes.fromhex("aa" * 20), 0, bytes.fromhex("ab" * 32))
    assert (other.kind, other.profile, other.credential) == (1, bytes(32), bytes.fromhex("ce" * 32))


BAD = {
    "no TOML": ("registrars = [", None),
    "no text": (b"\xff", None),
    "too long": ("#" * (charter.MAX_FILE + 1), None),
    "an unknown word": ("quorum = 3", "quorum"),
    "an unknown word of a table": ("[votes]\nquorum = 3", "votes.quorum"),
    "an unknown word of a founder": (FOUNDER + "votes = 2", "founders[0].votes"),
    "registrars that are none": ('registrars = "all"', "registrars"),
    "no registrar": ("registrars = []", "registrars"),
    "too many registrars": (f"registrars = {[A] * 65}", "registrars"),
    "a registrar that is a number": ("registrars = [1]", "registrars[0]"),
    "a registrar cut short": ('registrars = ["0x12"]', "registrars[0]"),
    "nobody as a registrar": (f'registrars = ["0x{"00" * 20}"]', "registrars[0]"),
    "a registrar twice": (f'registrars = ["{A}", "{A.upper().replace("X", "x")}"]', "registrars[1]"),
    "a threshold nobody reaches": ("threshold = 2", "threshold"),
    "no threshold": ("threshold = 0", "threshold"),
    "a threshold that is true": ("threshold = true", "threshold"),
    "votes that are no table": ("votes = 3", "votes"),
    "a vote over at once": ("[votes]\nperiod = 0", "votes.period"),
    "more than all": ("[votes]\npercent = 101", "votes.percent"),
    "no minimum": ("[votes]\nminimum = 0", "votes.minimum"),
    "a delay before now": ("[votes]\ndelay = -1", "votes.delay"),
    "a delay in milliseconds": (f"[votes]\ndelay = {vote_events.LONGEST_WAIT + 1}", "votes.delay"),
    "a period in milliseconds": (f"[votes]\nperiod = {vote_events.LONGEST_WAIT + 1}", "votes.period"),
    "a timelock in milliseconds": (f"[votes]\ntimelock = {vote_events.LONGEST_WAIT + 1}", "votes.timelock"),
    "a minimum that nobody reaches": (f"[votes]\nminimum = {vote_events.MOST_MINIMUM + 1}", "votes.minimum"),
    "half a second": ("[votes]\ndelay = 0.5", "votes.delay"),
    "a date": ("[votes]\ndelay = 2026-01-01", "votes.delay"),
    "no audit": ("[audits]\naudits = 0", "audits.audits"),
    "too many audits": (f"[audits]\naudits = {model_events.MOST_AUDITS + 1}", "audits.audits"),
    "a release beyond its word": (f"[audits]\ndelay = {2**32}", "audits.delay"),
    "no time to challenge": ("[problems]\nchallenge = 0", "problems.challenge"),
    "an endless review": (f"[problems]\nreview = {money_events.LONGEST_RULE + 1}", "problems.review"),
    "an endless challenge": (f"[problems]\nchallenge = {money_events.LONGEST_RULE + 1}", "problems.challenge"),
    "an unknown purpose": ('banned = ["war"]', "banned"),
    "a purpose that is a number": ("banned = [4]", "banned[0]"),
    "a purpose twice": ('banned = ["aic:MilitaryUse", "aic:MilitaryUse"]', "banned[1]"),
    "too many founders": ("[[founders]]\n" * (charter.MAX_FOUNDERS + 1), "founders"),
    "a founder that is a text": ('founders = ["me"]', "founders[0]"),
    "a founder without account": ("[[founders]]\nkind = 'person'", "founders[0].account"),
    "a founder of another kind": (FOUNDER + 'kind = "robot"', "founders[0].kind"),
    "a founder whose kind is a list": (FOUNDER + "kind = ['person']", "founders[0].kind"),
    "a founder with a short point": (FOUNDER.replace(WORD, "0x12", 1), "founders[0].reader_point"),
    "a founder without credential": (FOUNDER + f'profile = "{"00" * 32}"', "founders[0].profile"),
    "one account twice": (FOUNDER + SECOND.replace(f'account = "{B}"', f'account = "{A}"'), "founders: account[1]"),
    "one node key twice": (FOUNDER + SECOND.replace(f'node_key = "{A}"', f'node_key = "{B}"'), "founders: node_key[1]"),
    "one credential twice": (FOUNDER + SECOND.replace(OTHER, WORD), "founders: credential[1]"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "which"), BAD.values(), ids=BAD.keys())
def test_what_no_contract_takes_is_refused(text: str | bytes, which: str | None) -> None:
    """Each bad value is an InputError that names it and says what to do."""
    with pytest.raises(errors.InputError) as caught:
        charter.read(text if isinstance(text, bytes) else text.encode(), SELF)
    assert caught.value.which == which
    assert which is None or caught.value.next_step == charter.NEXT_STEP


def test_registrars_are_named_where_nobody_stands_in() -> None:
    """Without registrars of its own a file is refused with what to write; an empty list is none either."""
    for text in ("", "threshold = 1", "[votes]\nminimum = 5"):
        with pytest.raises(errors.InputError, match="nobody would admit members") as caught:
            charter.read(text.encode())
        assert (caught.value.which, caught.value.next_step) == ("registrars", charter.NAME_THEM)
    assert charter.read(f'registrars = ["{A}"]'.encode()).registrars == [bytes.fromhex("aa" * 20)]
    with pytest.raises(errors.InputError) as caught:
        charter.read(b"registrars = []")
    assert caught.value.which == "registrars"


@pytest.mark.parametrize(("minimum", "is_warned"), [(1, False), (2, False), (3, True)])
def test_a_minimum_above_the_founders_is_said(minimum: int, *, is_warned: bool) -> None:
    """Where the founders alone could decide nothing, founders are told so beforehand, with both numbers."""
    said = charter.warnings(read(f"[votes]\nminimum = {minimum}\n" + FOUNDER + SECOND))
    assert [f"votes.minimum is {minimum}" in each and "2 founders" in each for each in said] == [True] * is_warned


def test_a_digest_tells_configurations_apart() -> None:
    """Two configurations have one digest only if they say the same."""
    texts = ["", "threshold = 1", "[votes]\nminimum = 1", "banned = []", FOUNDER, FOUNDER + SECOND]
    digests = [charter.digest(read(text)) for text in texts]
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(texts) - 1

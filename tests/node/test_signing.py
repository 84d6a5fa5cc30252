"""The signing journal: one word per scope for ever."""

import pathlib
import stat
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicommons.domain import encoding, errors, ids, messages, signature
from aicommons.ledger import wallet
from aicommons.node import signing

PLACE = encoding.Place(31337, ids.Address(b"\xc0" * 20))
KEY = wallet.Wallet(b"\x07" * 32)
RUN = ids.RunId(b"\x01" * 32)
ME = ids.MemberId(4)
SID, OTHER_SID = b"\x05" * 32, b"\x06" * 32
SECRET = b"\x5a\xa5" * 16


class Dying(Exception):
    """The process is killed."""


class DyingSigner:
    """A signer whose process is killed before it signs."""

    address = KEY.address

    def sign_digest(self, digest: bytes) -> bytes:
        """Die."""
        raise Dying(digest.hex())


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the file lies."""
    return tmp_path / "signing.db"


@pytest.fixture
def journal(path: pathlib.Path) -> Iterator[signing.SigningJournal]:
    """An empty signing journal."""
    opened = signing.SigningJournal(path, KEY, PLACE)
    yield opened
    opened.close()


ONE = bytes(32)
TWO = b"\x02" * 32
PAIRS: dict[str, tuple[messages.Message, messages.Message]] = {
    "Ack": (messages.Ack(SID, 0, ME, ONE, ONE, ONE), messages.Ack(SID, 0, ME, TWO, ONE, ONE)),
    "Submit": (messages.Submit(SID, ME, ONE), messages.Submit(SID, ME, TWO)),
    "Commit to another set": (
        messages.Commit(SID, ME, ONE, ONE, ONE), messages.Commit(SID, ME, TWO, ONE, ONE),
    ),
    "Commit to other inputs": (
        messages.Commit(SID, ME, ONE, ONE, ONE), messages.Commit(SID, ME, ONE, TWO, ONE),
    ),
    "Reveal": (messages.Reveal(SID, ME, ONE, ONE, ONE), messages.Reveal(SID, ME, ONE, TWO, ONE)),
    "Result": (messages.Result(SID, ME, ONE, ONE), messages.Result(SID, ME, ONE, TWO)),
    "Exit": (messages.Exit(RUN, ME, messages.ANY_ROUND), messages.Exit(RUN, ME, 3)),
    "for another member": (messages.Submit(SID, ME, ONE), messages.Submit(SID, ids.MemberId(5), ONE)),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS.keys())
def test_one_word_per_scope(
    path: pathlib.Path, journal: signing.SigningJournal, first: messages.Message, second: messages.Message
) -> None:
    """The same message may be signed again, a different one of its type and scope never, restarts included."""
    signed = journal.sign(first)
    assert signature.is_signed_by(encoding.message_digest(PLACE, first), signed, KEY.address)
    assert journal.sign(first) == signed
    with pytest.raises(errors.JournalConflict):
        journal.sign(second)
    reopened = signing.SigningJournal(path, KEY, PLACE)
    assert reopened.sign(first) == signed
    with pytest.raises(errors.JournalConflict):
        reopened.sign(second)
    reopened.close()


def test_scopes_do_not_hinder_each_other(journal: signing.SigningJournal) -> None:
    """Other sessions, other types and other epochs are scopes of their own."""
    said = [
        messages.Submit(SID, ME, ONE),
        messages.Submit(OTHER_SID, ME, TWO),
        messages.Result(SID, ME, ONE, ONE),
        messages.Ack(SID, 0, ME, ONE, ONE, ONE),
        messages.Ack(SID, 1, ME, TWO, ONE, ONE),
    ]
    assert len({journal.sign(message) for message in said}) == 5


def test_killed_between_record_and_signature(path: pathlib.Path) -> None:
    """Killed after the record, a node gives the recorded word on return and no other."""
    dying = signing.SigningJournal(path, DyingSigner(), PLACE)
    with pytest.raises(Dying):
        dying.sign(messages.Commit(SID, ME, ONE, ONE, ONE))
    back = signing.SigningJournal(path, KEY, PLACE)
    with pytest.raises(errors.JournalConflict):
        back.sign(messages.Commit(SID, ME, TWO, ONE, ONE))
    assert back.sign(messages.Commit(SID, ME, ONE, ONE, ONE))
    back.close()
    dying.close()


def test_payloads_are_kept_once(path: pathlib.Path, journal: signing.SigningJournal) -> None:
    """Bytes made with fresh randomness stay the first ones, so that the same are sent again."""
    journal.keep_payload("Ack", SID, b"first")
    journal.keep_payload("Ack", SID, b"second")
    assert journal.payload("Ack", SID) == b"first"
    assert journal.payload("Ack", OTHER_SID) is None


def test_a_set_may_only_be_replaced_on_purpose(journal: signing.SigningJournal) -> None:
    """``bind`` keeps the first word; only ``rebind`` replaces it."""
    journal.bind("set", RUN, ONE)
    with pytest.raises(errors.JournalConflict):
        journal.bind("set", RUN, TWO)
    journal.rebind("set", RUN, TWO)
    assert journal.word("set", RUN) == TWO


def test_only_the_owner_may_read_the_file(path: pathlib.Path, journal: signing.SigningJournal) -> None:
    """The file is readable by its owner alone, and the object shows no key."""
    journal.keys.make(RUN, 0, SECRET)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET.hex() not in repr(journal)
    assert repr(SECRET) not in repr(journal)


def test_a_broken_file_is_named(path: pathlib.Path) -> None:
    """A signing journal that is no database is an InputError that names the file."""
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(errors.InputError, match=path.name):
        signing.SigningJournal(path, KEY, PLACE)


words = st.binary(min_size=32, max_size=32)


@given(words, words, st.integers(0, 2**32 - 1))
def test_scopes_are_the_specifications(one: bytes, two: bytes, epoch: int) -> None:
    """Ack counts per roster and epoch, Exit per run, everything else per session."""
    assert signing.scope_of(messages.Ack(one, epoch, ME, two, two, two)) == one + epoch.to_bytes(4, "big")
    assert signing.scope_of(messages.Exit(ids.RunId(one), ME, epoch)) == one
    for message in (
        messages.Submit(one, ME, two),
        messages.Commit(one, ME, two, two, two),
        messages.Reveal(one, ME, two, two, two),
        messages.Result(one, ME, two, two),
    ):
        assert signing.scope_of(message) == one

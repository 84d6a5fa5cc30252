"""The home's log: one line for everything that is decided here, whether on the page, by command or by a rule.

Called by whatever in ``owner/`` acts, so that the page and ``commons log`` show the same lines. What is said to an item of
the inbox is noted by ``node/inbox`` itself. No line has a person's key or name: a consent is named by its number.
"""

import contextlib
import enum
import time
from collections.abc import Iterator

from aicommons import app
from aicommons.node import inbox
from aicommons.protocol import inbox as rules


class Act(enum.Enum):
    """What was done; ``words.html`` has a word for each."""

    STOP = "stop"
    RESUME = "resume"
    ADD_RULE = "rule"
    REMOVE_RULE = "unrule"
    QUIET = "quiet"
    OPERATORS = "operators"
    GIVE = "give consent"
    REVOKE = "revoke consent"
    ENROL = "enrol dataset"
    CONFIRM = "confirm participants"
    LEAVE = "leave training"
    SUSPEND_DATASET = "suspend dataset"
    RESUME_DATASET = "resume dataset"
    RETIRE_DATASET = "retire dataset"
    POLICY = "publish policy"
    WISH = "ask model owners"
    OPEN_REGISTER = "open register"
    ENTER = "enter consent"
    IMPORT = "import consents"
    WITHDRAW = "withdraw consent"
    RECEIPT = "print receipt"
    POST = "post register"
    ATTEST = "attest guardian"
    REVOKE_GUARDIAN = "revoke guardian"


def note(kept: inbox.Inbox, act: Act, about: str = "", *, by: str = "", reason: str = "") -> None:
    """Add a line to the log.

    Args:
        kept: the home's inbox.
        act: what was done.
        about: what it was done to, such as ``dataset 3``; empty for the whole home.
        by: an operator's name, ``rule N``, or empty where nobody is named.
        reason: their words, cut where they are endless.
    """
    kept.note(inbox.Happened(time.time(), act.value, about, by, reason[: rules.LONGEST_REASON]))


@contextlib.contextmanager
def opened(home: app.Home) -> Iterator[inbox.Inbox]:
    """Open a home's inbox for a moment: connections belong to one thread."""
    with contextlib.closing(inbox.Inbox(home.inbox_file)) as kept:
        yield kept


def note_at(home: app.Home, act: Act, about: str = "", *, by: str = "", reason: str = "") -> None:
    """Add a line to the log of a home whose inbox is not open; as ``note``."""
    with opened(home) as kept:
        note(kept, act, about, by=by, reason=reason)

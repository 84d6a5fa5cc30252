"""Letters about a dataset: what an asker and an owner write to each other, as documents. Who may read one is decided by
sealing (``node/letters``); what is asked and answered on the ledger is the contract ``Requests``' business. The reason of
a wish about a model is not sealed: whoever owns or uses the model reads it.
"""

import dataclasses

from aicommons.domain import documents


@dataclasses.dataclass(frozen=True, slots=True)
class Letter(documents.Document):
    """A few words from one member to another."""

    KIND = "letter"
    words: str
    """What is asked, answered or asked back, in plain words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reason(documents.Document):
    """Why the owner of a dataset wants a model retrained or retired; public."""

    KIND = "reason"
    words: str
    """In plain words; never about a person."""

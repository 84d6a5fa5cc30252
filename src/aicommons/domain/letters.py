"""Letters about a dataset: what an asker and an owner write to each other, as documents. Who may read one is decided by
sealing (``node/letters``); what is asked and answered on the ledger is the contract ``Requests``' business. Reasons
of wishes about a model, of objections and of refusals are not sealed: everybody concerned reads them.
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
    """Why a member asks for something, objects to it or sends it back; public."""

    KIND = "reason"
    words: str
    """In plain words; never about a person."""

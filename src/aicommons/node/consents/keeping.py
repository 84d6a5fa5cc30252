"""Where a home keeps its registers, and how its node comes to them: ``<home>/consents``, opened with the home's own keys.

``app`` gives one to ``node/tables``. Which consents cover what is ``people``'s business, what the ledger says
``standing``'s.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from aicommons.domain import errors
from aicommons.node.consents import notes, people, register, sealing, wallets
from aicommons.node.consents import standing as standings
from aicommons.protocol import ports
from aicommons.protocol import view as views


class Keeping:
    """One home's registers, notes and key."""

    def __init__(
        self, folder: pathlib.Path, signer: ports.Signer, clock: ports.Clock, *, draw: sealing.Draw = os.urandom
    ) -> None:
        """Keep in mind where things are; nothing is opened, the register may be made while a node runs.

        Args:
            folder: ``<home>/consents``.
            signer: wallet or node key, whose signature opens the register's key.
            clock: what time it is.
            draw: returns fresh random bytes.
        """
        self._folder, self._signer, self._clock, self._draw = folder, signer, clock, draw
        self._key: sealing.Key | None = None

    @property
    def key_file(self) -> sealing.KeyFile:
        """The register's key, sealed."""
        return sealing.KeyFile(self._folder / "key.json")

    @property
    def key(self) -> sealing.Key:
        """The register's key; raises ``errors.KeyRefused`` when there is none or it does not open."""
        if self._key is None:
            self._key = self.key_file.open(self._signer)
        return self._key

    @property
    def wallets(self) -> wallets.Wallets:
        """Data wallets of people at this home."""
        return wallets.Wallets(self._folder / "wallets")

    @contextlib.contextmanager
    def register(self) -> Iterator[register.Register]:
        """Open the register."""
        path = self._folder / "register.db"
        with contextlib.closing(register.Register(path, self.key, draw=self._draw)) as opened:
            yield opened

    @contextlib.contextmanager
    def notes(self) -> Iterator[notes.Notes]:
        """Open the notes of whose rows were used."""
        with contextlib.closing(notes.Notes(self._folder / "notes.db", self.key)) as opened:
            yield opened

    def people(self) -> people.People:
        """Return the register's answers; raises ``errors.KeyRefused`` when this home's key does not open it."""
        return people.People(self._folder, self.key, self._draw)

    def standing(self, view: views.LedgerView, dataset: int) -> standings.Standing | None:
        """Return what the ledger says of a dataset's register; ``None`` when neither it nor this home has one.

        Raises:
            errors.JournalConflict: this home has the register, but lost its key.
        """
        now = int(self._clock.now())
        shown = standings.standing_of(view, dataset, now)
        if shown is not None:
            return shown
        if dataset not in register.datasets_in(self._folder / "register.db"):
            return None
        if not self.key_file.exists:
            raise errors.JournalConflict(
                "the key of this home's register of people's consents is lost",
                which=f"dataset {dataset}",
                next_step="restore `consents/key.json` from a backup of this home",
            )
        return standings.Standing(register.NOTHING_POSTED, view.block, max(view.time, now))

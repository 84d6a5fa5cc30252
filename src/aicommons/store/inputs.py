"""What other participants sent for a round under way, in a folder per run: cheap to write, gone when the round is over.

Built by ``app`` for a node. Files are named by digest, verified whenever they are read, and neither synced nor locked:
a page cache outlives a killed process, and what a power cut takes is fetched again. Lasting blobs are ``disk.py``'s.
"""

import os
import pathlib
import shutil
import tempfile

from aicommons.domain import errors, ids


class FolderInputs:
    """Implements ``ports.Inputs``; a child process may write while its parent reads."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, run_id: ids.RunId, digest: bytes, data: bytes) -> None:
        """Keep ``data``, whose SHA-256 is ``digest``, for a run.

        Raises:
            errors.StorageFull: the disk has no room for it.
        """
        file = self._file(run_id, digest)
        try:
            file.parent.mkdir(exist_ok=True, mode=0o700)
            descriptor, part = tempfile.mkstemp(dir=file.parent)
            try:
                with os.fdopen(descriptor, "wb") as whole:
                    whole.write(data)
            except OSError:
                pathlib.Path(part).unlink()
                raise
            pathlib.Path(part).replace(file)
        except OSError as err:
            raise errors.StorageFull("no room left for a round's inputs", which=str(self._folder)) from err

    def get(self, run_id: ids.RunId, digest: bytes) -> bytes | None:
        """Return the bytes of ``digest``, or ``None`` when they are not here, or not whole."""
        try:
            data = self._file(run_id, digest).read_bytes()
        except FileNotFoundError:
            return None
        return data if ids.digest(data) == digest else None

    def forget(self, run_id: ids.RunId) -> None:
        """Erase all that is kept for a run."""
        shutil.rmtree(self._folder / run_id.hex(), ignore_errors=True)

    def _file(self, run_id: ids.RunId, digest: bytes) -> pathlib.Path:
        return self._folder / run_id.hex() / digest.hex()

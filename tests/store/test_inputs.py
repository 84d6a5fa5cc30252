"""What others sent for a round under way: there until the round is over, and never other bytes than were put."""

import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from aicommons.domain import errors, ids
from aicommons.store import inputs, memory

RUN, OTHER = ids.RunId(b"\x01" * 32), ids.RunId(b"\x02" * 32)
KINDS: dict[str, Callable[[pathlib.Path], Any]] = {
    "in a folder": inputs.FolderInputs,
    "in memory": lambda _: memory.MemoryInputs(),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_kept_by_run(tmp_path: pathlib.Path, make: Callable[[pathlib.Path], Any]) -> None:
    """What was put for a run is there for that run alone, until the run forgets it."""
    kept = make(tmp_path / "inputs")
    kept.put(RUN, ids.digest(b"a vector"), b"a vector")
    kept.put(RUN, ids.digest(b"a vector"), b"a vector")
    kept.put(OTHER, ids.digest(b"another"), b"another")
    assert kept.get(RUN, ids.digest(b"a vector")) == b"a vector"
    assert kept.get(OTHER, ids.digest(b"a vector")) is None
    kept.forget(RUN)
    kept.forget(RUN)
    assert kept.get(RUN, ids.digest(b"a vector")) is None
    assert kept.get(OTHER, ids.digest(b"another")) == b"another"


def test_another_process_finds_them(tmp_path: pathlib.Path) -> None:
    """They outlive the process; a damaged or cut file reads as absent, and is written anew."""
    inputs.FolderInputs(tmp_path).put(RUN, ids.digest(b"a vector"), b"a vector")
    again = inputs.FolderInputs(tmp_path)
    assert again.get(RUN, ids.digest(b"a vector")) == b"a vector"
    (file,) = (tmp_path / RUN.hex()).iterdir()
    file.write_bytes(b"a vec")
    assert again.get(RUN, ids.digest(b"a vector")) is None
    again.put(RUN, ids.digest(b"a vector"), b"a vector")
    assert again.get(RUN, ids.digest(b"a vector")) == b"a vector"


def test_no_room(tmp_path: pathlib.Path) -> None:
    """Where nothing can be written the error says so."""
    kept = inputs.FolderInputs(tmp_path / "inputs")
    (tmp_path / "inputs" / RUN.hex()).write_text("a file where the run's folder should be")
    with pytest.raises(errors.StorageFull):
        kept.put(RUN, ids.digest(b"a vector"), b"a vector")

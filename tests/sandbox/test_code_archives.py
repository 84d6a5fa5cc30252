"""Archives of code: one encoding, a decision for any bytes, strict manifests, and differences that people can read."""

import json
import pathlib

import hypothesis
import pytest
from hypothesis import strategies
from tests.sandbox import cages

from aicommons.domain import encoding, errors, ids
from aicommons.learning import blocks, combine
from aicommons.sandbox import archives, manifests

NAMES = strategies.from_regex(archives.NAME, fullmatch=True).filter(
    lambda name: len(name) <= archives.LONGEST_NAME and name.count("/") < archives.DEEPEST
)
TEXTS = strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
FILES = strategies.dictionaries(NAMES, TEXTS.map(str.encode), max_size=8).filter(
    lambda files: len({name.casefold() for name in files} | {"manifest.json", "plan.py"}) == len(files) + 2
)


@hypothesis.given(FILES)
def test_archives_round_trip_in_one_encoding(files: dict[str, bytes]) -> None:
    """The same files give the same bytes in whatever order, and are read back as they were."""
    data = cages.packed(cages.SUMS, files)
    found = archives.read_archive(data)
    backwards = dict(reversed(list(found.files.items())))
    assert archives.encode(found.files) == archives.encode(backwards) == data
    assert list(found.files) == sorted(found.files)
    assert {name: found.files[name] for name in files} == files
    assert found.digest == ids.digest(data)


@hypothesis.given(strategies.binary(max_size=300))
def test_any_bytes_are_an_archive_or_refused(noise: bytes) -> None:
    """Reading is total, with the right beginning and without."""
    for data in (noise, archives.MAGIC + noise, cages.packed() + noise[:1]):
        try:
            archives.read_archive(data)
        except errors.DecodeError:
            continue
        assert data == cages.packed()


@hypothesis.given(strategies.data())
def test_what_is_taken_is_canonical(data: strategies.DataObject) -> None:
    """A changed byte or a cut makes another archive or none: what is read back encodes to the very bytes."""
    good = cages.packed()
    at = data.draw(strategies.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(strategies.integers(1, 255))]) + good[at + 1 :]
    for each in (changed, good[:at]):
        try:
            found = archives.read_archive(each)
        except errors.DecodeError:
            continue
        assert archives.encode(found.files) == each != good


def _raw(*entries: tuple[bytes, bytes], count: int | None = None) -> bytes:
    """Return an archive's layout with whatever entries."""
    head = archives.MAGIC + bytes([len(entries) if count is None else count])
    return head + b"".join(bytes([len(name)]) + len(data).to_bytes(4, "little") + name + data for name, data in entries)


GOOD = encoding.canonical_json(cages.manifest())
MANIFEST, PLAN = (b"manifest.json", GOOD), (b"plan.py", b"")
BAD_ARCHIVES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a code archive"),
    "only its beginning": (archives.MAGIC, "not a code archive"),
    "no file": (_raw(), "wrong number of files"),
    "names in another order": (_raw(PLAN, MANIFEST), "not in ascending order"),
    "a name twice": (_raw(MANIFEST, MANIFEST, PLAN), "not in ascending order"),
    "names that differ in case": (_raw((b"Plan.py", b""), MANIFEST, PLAN), "differ in case"),
    "something behind it": (_raw(MANIFEST, PLAN) + b"x", "something follows"),
    "an early end": (_raw(MANIFEST, PLAN, count=3), "ends early"),
    "a length that lies": (_raw(MANIFEST)[:-3], "is broken"),
    "a way up": (_raw((b"../x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "a way up inside": (_raw((b"a/../x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "an absolute name": (_raw((b"/etc/x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "an empty part": (_raw((b"a//x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "a hidden file": (_raw((b".x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "a compiled module": (_raw(MANIFEST, PLAN, (b"x.pyc", b"")), "name that is not allowed"),
    "a shared library": (_raw(MANIFEST, PLAN, (b"x.so", b"")), "name that is not allowed"),
    "a pickle": (_raw(MANIFEST, PLAN, (b"x.pkl", b"")), "name that is not allowed"),
    "arrays": (_raw(MANIFEST, PLAN, (b"x.npz", b"")), "name that is not allowed"),
    "a line break": (_raw(MANIFEST, PLAN, (b"x.py\n", b"")), "name that is not allowed"),
    "too deep": (_raw((b"a/b/c/d/x.py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "a name in other letters": (_raw(MANIFEST, PLAN, ("ü.py".encode(), b"")), "is broken"),
    "a long name": (_raw((b"a" * 98 + b".py", b""), MANIFEST, PLAN), "name that is not allowed"),
    "no text": (_raw(MANIFEST, (b"plan.py", b"\xff")), "not UTF-8"),
    "a zero character": (_raw(MANIFEST, (b"plan.py", b"\0")), "not UTF-8"),
    "too large": (_raw(MANIFEST, (b"plan.py", b"#" * archives.MOST_BYTES)), "too large"),
    "far too large": (b"#" * (2 * archives.MOST_BYTES), "too long"),
    "no manifest": (_raw(PLAN), "no manifest"),
    "no entry module": (_raw(MANIFEST), "lacks its entry module"),
    "a manifest with spaces": (_raw((b"manifest.json", GOOD + b" "), PLAN), "not in canonical form"),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_bad_archives_are_refused(name: str) -> None:
    """Whatever else could be hidden in an archive is named and refused."""
    data, said = BAD_ARCHIVES[name]
    with pytest.raises(errors.DecodeError, match=said):
        archives.read_archive(data)


BLOCK = {"name": "sums", "length": 2, "encoding": "bounded", "cap_exponent": 3}
BAD_MANIFESTS: dict[str, tuple[dict[str, object], str]] = {
    "another kind of document": ({"type": "plan"}, "manifest.type"),
    "another version": ({"version": 2}, "manifest.version"),
    "no name": ({"name": None}, "manifest.name"),
    "a path for a module": ({"entry": "../plan"}, "manifest.entry"),
    "another kind of plan": ({"kind": "global"}, "manifest.kind"),
    "code for a combiner": ({"combiner": "lambda x: x"}, "manifest.combiner"),
    "a schema without features": ({"schema": {}}, "schema.features"),
    "no blocks": ({"contribute": []}, "manifest.contribute"),
    "too many blocks": ({"contribute": [BLOCK] * 65}, "manifest.contribute"),
    "a block twice": ({"contribute": [BLOCK, BLOCK]}, "manifest.contribute"),
    "a block without values": ({"contribute": [BLOCK | {"length": 0}]}, r"contribute\[0\].length"),
    "a block too long": ({"contribute": [BLOCK | {"length": 2**24 + 1}]}, r"contribute\[0\].length"),
    "a block longer than the output": ({"contribute": [BLOCK | {"length": 1000}]}, "manifest.contribute"),
    "another encoding": ({"contribute": [BLOCK | {"encoding": "raw"}]}, r"contribute\[0\].encoding"),
    "a cap that is no power": ({"contribute": [BLOCK | {"cap_exponent": 0.5}]}, r"contribute\[0\].cap_exponent"),
    "a cap without end": ({"contribute": [BLOCK | {"cap_exponent": 1024}]}, r"contribute\[0\].cap_exponent"),
    "an unknown field of a block": ({"contribute": [BLOCK | {"secret": 1}]}, r"contribute\[0\].secret"),
    "an unknown field": ({"network": True}, "manifest.network"),
    "no memory": ({"resources": cages.RESOURCES | {"memory_mb": 0}}, "resources.memory_mb"),
    "too much time": ({"resources": cages.RESOURCES | {"wall_seconds": 10**6}}, "resources.wall_seconds"),
    "nothing said": ({"leaves_site": "sums"}, "manifest.leaves_site"),
}


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_bad_manifests_name_their_field(name: str) -> None:
    """A manifest is read strictly, and a mistake is named by its field."""
    changes, field = BAD_MANIFESTS[name]
    with pytest.raises(errors.DecodeError, match=field):
        cages.archive(**changes)


def test_words_are_those_of_learning() -> None:
    """Encodings and combiners of a manifest are the learners' own words."""
    assert {each.value for each in manifests.Encoding} == {each.value for each in blocks.Encoding}
    assert all(manifests.COMBINER.fullmatch(name) for name in combine.COMBINERS)


def _folder(place: pathlib.Path, **changes: object) -> pathlib.Path:
    """Write a plan's folder as a person does."""
    place.mkdir()
    (place / "manifest.json").write_text(json.dumps(cages.manifest(**changes), indent=2))
    (place / "plan.py").write_text(cages.SUMS)
    return place


def test_a_folder_becomes_an_archive(tmp_path: pathlib.Path) -> None:
    """Spaces in the manifest, hidden files and compiled modules make no difference; the digest is of what is read."""
    folder = _folder(tmp_path / "plan")
    first = archives.new_archive(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "plan.cpython-311.pyc").write_bytes(b"\0")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    assert archives.new_archive(folder) == first == cages.packed()


def _link(folder: pathlib.Path) -> None:
    (folder / "other.py").symlink_to("/etc/passwd")


def _library(folder: pathlib.Path) -> None:
    (folder / "fast.so").write_bytes(b"\x7fELF")


def _large(folder: pathlib.Path) -> None:
    (folder / "large.txt").write_bytes(b"x" * (archives.MOST_BYTES + 1))


def _unreadable(folder: pathlib.Path) -> None:
    (folder / "manifest.json").write_text("{")


def _without(folder: pathlib.Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_link, "other.py: links cannot"),
        (_library, "fast.so"),
        (_large, "large.txt: the file is too large"),
        (_unreadable, "manifest.json: the manifest is not JSON"),
        (_without, "no manifest"),
    ],
)
def test_what_cannot_be_packed_is_named(change, said: str, tmp_path: pathlib.Path) -> None:
    """An author is told which file is wrong."""
    folder = _folder(tmp_path / "plan")
    change(folder)
    with pytest.raises(errors.InputError, match=said):
        archives.new_archive(folder)


def test_a_wrong_manifest_is_the_authors_mistake(tmp_path: pathlib.Path) -> None:
    """Making an archive refuses what reading it would refuse."""
    with pytest.raises(errors.InputError, match=r"manifest\.leaves_site"):
        archives.new_archive(_folder(tmp_path / "plan", leaves_site=""))


def test_differences_are_readable() -> None:
    """An owner sees which lines and which fields changed, what came and what went; nothing can hide in odd characters."""
    old = cages.archive(files={"gone.txt": b"a\n"})
    code = cages.SUMS.replace("np.array", "np.asarray") + "# \u202ereversed\x1b[31m\n"
    block = {"name": "count", "length": 1, "encoding": "integer", "cap_exponent": 21}
    new = cages.archive(code, {"new.txt": b"b\n"}, contribute=[cages.manifest()["contribute"][0], block])
    lines = list(archives.difference(old, new))
    assert {"-a", "+b", '-      "cap_exponent": 20,', '+      "cap_exponent": 21,'} <= set(lines)
    assert "+# \\u202ereversed\\x1b[31m" in lines
    assert any(line.startswith("+") and "np.asarray" in line for line in lines)
    assert list(archives.difference(old, old)) == []

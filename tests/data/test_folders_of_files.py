"""Folders of labelled images and texts become rows of a fixed width, the same at every site; hostile files are told."""

import csv
import pathlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aicommons.data import infer, reading, sources
from aicommons.data.formats import images, texts
from aicommons.domain import errors, schema

SICK = schema.Target(schema.Task.BINOMIAL, "label", classes=("healthy", "sick"))


def described(folder: pathlib.Path, **said: object) -> sources.Description:
    """Describe a folder."""
    return sources.from_document({"path": "files", **said}, folder)


def pictures(folder: pathlib.Path) -> pathlib.Path:
    """Write three pictures under two labels, of several sizes, modes and formats."""
    for label in ("healthy", "sick"):
        (folder / "files" / label).mkdir(parents=True)
    Image.new("L", (8, 8), 10).save(folder / "files/healthy/a.png")
    half = Image.new("RGB", (4, 2), "white")
    half.paste("black", (0, 0, 2, 2))
    half.save(folder / "files/sick/b.bmp")
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(folder / "files/sick/c.png")
    (folder / "files/sick/readme.txt").write_text("no picture")
    return folder


def pixels_schema(count: int) -> schema.Schema:
    """Declare so many pixels."""
    return schema.Schema(tuple(schema.numeric(f"p{index:05}", 0, 255) for index in range(count)), SICK)


def test_grey_pictures(tmp_path: pathlib.Path) -> None:
    """Pictures of any size become pixels in rows from the upper left; what is transparent is white."""
    source = described(pictures(tmp_path), kind="images", width=2, height=2, colours="grey")
    table = reading.read_table(source, pixels_schema(4))
    assert table.features.tolist() == [[10, 10, 10, 10], [0, 255, 0, 255], [255, 255, 255, 255]]
    assert table.target.tolist() == [0, 1, 1]


def test_coloured_pictures(tmp_path: pathlib.Path) -> None:
    """Colours are three columns a pixel: red, green, blue."""
    (tmp_path / "files/healthy").mkdir(parents=True)
    (tmp_path / "files/sick").mkdir(parents=True)
    Image.new("RGB", (5, 5), (1, 2, 3)).save(tmp_path / "files/sick/x.png")
    source = described(tmp_path, kind="images", width=1, height=2, colours="rgb")
    assert reading.read_table(source, pixels_schema(6)).features.tolist() == [[1, 2, 3, 1, 2, 3]]


def test_a_photograph_is_turned_upright(tmp_path: pathlib.Path) -> None:
    """The orientation that a camera wrote beside the pixels is applied."""
    (tmp_path / "files/sick").mkdir(parents=True)
    picture = Image.new("L", (2, 1), 0)
    picture.putpixel((0, 0), 255)
    about = Image.Exif()
    about[0x0112] = 6  # turned by a quarter clockwise to be seen
    picture.save(tmp_path / "files/sick/x.png", exif=about)
    source = described(tmp_path, kind="images", width=1, height=2, colours="grey")
    assert reading.read_table(source, pixels_schema(2)).features.tolist() == [[255, 0]]


def test_a_table_of_labels_brings_persons(tmp_path: pathlib.Path) -> None:
    """A table beside the pictures names label and person; a picture that it does not name is not read."""
    pictures(tmp_path)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["file", "label", "person"], ["sick/b.bmp", "sick", "7"], ["healthy/a.png", "healthy", "7"]]
        )
    source = described(tmp_path, kind="images", width=2, height=2, colours="grey", labels="labels.csv")
    table = reading.read_table(source, pixels_schema(4), group="person")
    assert table.target.tolist() == [1, 0]
    assert table.keys is not None
    assert table.keys[0] == table.keys[1]


OUTSIDE = {"above": "../secret.png", "absolute": "/etc/passwd", "nowhere": "sick/none.png"}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_table_of_labels_stays_in_its_folder(name: str, tmp_path: pathlib.Path) -> None:
    """A path that leads out of the folder, or to nothing, is refused with its line."""
    pictures(tmp_path)
    Image.new("L", (1, 1)).save(tmp_path / "secret.png")
    (tmp_path / "labels.csv").write_text(f"file,label\nsick/b.bmp,sick\n{OUTSIDE[name]},sick\n")
    source = described(tmp_path, kind="images", width=2, height=2, colours="grey", labels="labels.csv")
    with pytest.raises(errors.TableError, match="is not there") as caught:
        reading.read_table(source, pixels_schema(4))
    assert caught.value.which == "labels.csv, column file, line 3"


def _bomb() -> bytes:
    """Return a PNG of a hundred bytes that claims 30,000 by 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


HOSTILE = {
    "a bomb": _bomb(),
    "nothing": b"",
    "text": b"not a picture",
    "half a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_broken_rows(name: str, tmp_path: pathlib.Path) -> None:
    """A file that is no picture, or unpacks to too much, refuses the source unless its owner lets it be left out."""
    (pictures(tmp_path) / "files/sick/d.png").write_bytes(HOSTILE[name])
    source = described(tmp_path, kind="images", width=2, height=2, colours="grey")
    with pytest.raises(errors.TableError, match="an image cannot be read") as caught:
        reading.read_table(source, pixels_schema(4))
    assert "files, row 4" in str(caught.value.which)
    assert reading.read_table(source, pixels_schema(4), checks=reading.Checks(most_broken=0.25)).broken == 1


def test_drafted_columns_do_not_depend_on_the_pictures(tmp_path: pathlib.Path) -> None:
    """Every site that names the same size drafts the same columns, also where a pixel is the same in all pictures."""
    source = described(pictures(tmp_path), kind="images", width=2, height=2, colours="grey")
    drafted = infer.infer_columns([source], "label", drop=["file"])
    assert drafted.schema.features == pixels_schema(4).features


def test_too_many_pixels_are_refused(tmp_path: pathlib.Path) -> None:
    """More columns than a schema may have are refused on opening."""
    source = described(pictures(tmp_path), kind="images", width=200, height=200, colours="grey")
    with pytest.raises(errors.InputError, match="too many pixels"):
        sources.open_source(source)


def test_a_folder_without_labels(tmp_path: pathlib.Path) -> None:
    """A folder that holds no folders, and one that is not there, are refused with what to do."""
    (tmp_path / "files").mkdir()
    with pytest.raises(errors.TableError, match="no labels"):
        sources.open_source(described(tmp_path, kind="texts", width=16))
    with pytest.raises(errors.TableError, match="cannot be read"):
        sources.open_source(described(tmp_path / "none", kind="images", width=2, height=2, colours="grey"))


WORDS = texts.Recipe(64, "word", 2)


def test_the_published_recipe_of_texts() -> None:
    """N-grams fall into the column CRC-32 modulo width: anybody can recompute them."""
    counts = WORDS.numbers("Fever,  FEVER\ncough")
    expected = np.zeros(64)
    for gram in ("fever", "fever", "cough", "fever fever", "fever cough"):
        expected[zlib.crc32(gram.encode()) % 64] += 1
    assert counts.tolist() == expected.tolist()
    characters = texts.Recipe(64, "character", 1).numbers("a  b")
    assert characters.sum() == 3  # runs of blanks count once


@given(st.text(max_size=200))
def test_any_text_becomes_bounded_counts(text: str) -> None:
    """Whatever a text holds, its row has the fixed width and counts from 0 to 255."""
    for recipe in (WORDS, texts.Recipe(16, "character", 3)):
        counts = recipe.numbers(text)
        assert counts.shape == (recipe.width,)
        assert ((counts >= 0) & (counts <= 255) & (counts == np.rint(counts))).all()


PLACES = texts.Recipe(2**14, "character", 3, shortest=2, slots=12)


def test_slots_list_the_places_of_a_text() -> None:
    """N-grams in the order in which they begin, as often as they occur; -1 where there are no more, and no more than slots."""
    grams = ["ab", "ab ", "b ", "b a", " a", " ab", "ab"]
    expected = [float(zlib.crc32(gram.encode()) % 2**14) for gram in grams]
    assert PLACES.numbers("ab  ab").tolist() == [*expected, *[-1.0] * 5]
    assert PLACES.numbers("").tolist() == [-1.0] * 12
    assert PLACES.numbers("a longer text").shape == (12,)
    assert PLACES.range == (-1.0, 2.0**14 - 1)
    assert PLACES.columns[:2] == ("p0000", "p0001")


@given(st.text(max_size=200))
def test_any_text_fills_its_slots(text: str) -> None:
    """Whatever a text holds, its row lists places from 0 to the last one, then -1 only."""
    row = PLACES.numbers(text)
    assert ((row >= -1) & (row < 2**14) & (row == np.rint(row))).all()
    assert (np.diff((row < 0).astype(int)) >= 0).all()


def test_short_after_long_is_refused(tmp_path: pathlib.Path) -> None:
    """The shortest n-gram is not longer than the longest."""
    with pytest.raises(errors.InputError, match="shortest"):
        sources.open_source(described(tmp_path, kind="texts", width=64, slots=8, shortest=3, longest=2))


def test_spellings_of_one_text_are_one() -> None:
    """Composed and decomposed letters, case and full-width forms make no difference."""
    assert WORDS.numbers("Ärzte ﬁeber").tolist() == WORDS.numbers("a\u0308rzte fieber").tolist()
    assert WORDS.numbers("a " * 400).max() == 255


def test_texts_of_a_folder_and_of_a_table_are_the_same(tmp_path: pathlib.Path) -> None:
    """One file per text and one row per text give the same arrays."""
    found = {"healthy": "no complaints", "sick": "fever and cough, fever"}
    for label, text in found.items():
        (tmp_path / "files" / label).mkdir(parents=True)
        (tmp_path / "files" / label / "1.txt").write_text(text)
    with (tmp_path / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["note", "label"], *([text, label] for label, text in found.items())])
    plan = schema.Schema(tuple(schema.numeric(name, 0, 255) for name in texts.Recipe(32, "word", 1).columns), SICK)
    folder = described(tmp_path, kind="texts", width=32)
    table = sources.from_document({"kind": "texts", "path": "notes.csv", "width": 32, "column": "note"}, tmp_path)
    first, second = reading.read_table(folder, plan), reading.read_table(table, plan)
    assert np.array_equal(first.features, second.features)
    assert np.array_equal(first.target, second.target)
    assert infer.infer_columns([folder], "label", drop=["file"]).schema == plan


def test_texts_that_cannot_be_read_are_broken_rows(tmp_path: pathlib.Path) -> None:
    """A text that is not UTF-8 or too long is told by its number."""
    (tmp_path / "files/sick").mkdir(parents=True)
    (tmp_path / "files/sick/1.txt").write_bytes(b"caf\xe9")
    plan = schema.Schema(tuple(schema.numeric(name, 0, 255) for name in texts.Recipe(16, "word", 1).columns), SICK)
    with pytest.raises(errors.TableError, match="a text cannot be read"):
        reading.read_table(described(tmp_path, kind="texts", width=16), plan)
    (tmp_path / "files/sick/1.txt").write_text("x" * (texts.LONGEST_TEXT + 1))
    with pytest.raises(errors.TableError, match="a text cannot be read"):
        reading.read_table(described(tmp_path, kind="texts", width=16), plan)


def test_the_identity_follows_the_files(tmp_path: pathlib.Path) -> None:
    """Another file, another label or another size is another identity."""
    pictures(tmp_path)
    source = described(tmp_path, kind="images", width=2, height=2, colours="grey")
    first = sources.open_source(source).identity()
    assert sources.open_source(source).identity() == first
    other = described(tmp_path, kind="images", width=2, height=3, colours="grey")
    assert sources.open_source(other).identity() != first
    (tmp_path / "files/sick/b.bmp").rename(tmp_path / "files/healthy/b.bmp")
    assert sources.open_source(source).identity() != first


def test_only_named_decoders_are_used() -> None:
    """Formats that start other programs are not among those that may be opened."""
    assert not {"EPS", "PS", "PDF", "PSD", "WMF"} & set(images.FORMATS)


class Consented:
    """A register in which two people stand."""

    column = "person"
    digest = bytes(32)

    def is_consented(self, key: str) -> bool:
        """Whether the person consents."""
        return key in ("p1", "p2")


def test_files_of_who_did_not_consent_are_not_opened(tmp_path: pathlib.Path) -> None:
    """What is in the image or text of somebody without consent is not looked at: it does not even have to be one."""
    pictures(tmp_path)
    (tmp_path / "files/sick/bomb.png").write_bytes(b"not an image")
    rows = [
        ["file", "label", "person"], ["sick/b.bmp", "sick", " p1"], ["healthy/a.png", "healthy", "p2"],
        ["sick/bomb.png", "sick", "stranger"], ["sick/bomb.png", "sick", ""],
    ]  # fmt: skip
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    source = described(tmp_path, kind="images", width=2, height=2, colours="grey", labels="labels.csv")
    with pytest.raises(errors.TableError, match="cannot be read"):
        reading.read_table(source, pixels_schema(4))
    found = reading.read_table(source, pixels_schema(4), persons=Consented())
    assert (found.persons, found.broken, len(found.target)) == (("p1", "p2"), 0, 2)


def test_texts_of_who_did_not_consent_are_not_counted(tmp_path: pathlib.Path) -> None:
    """A text of somebody without consent is left out before its words are counted."""
    rows = [["note", "label", "person"], ["one", "sick", "p1"], ["two", "healthy", "p2"], ["no", "sick", "stranger"]]
    with (tmp_path / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    said = {"kind": "texts", "path": "notes.csv", "column": "note", "width": 16, "grams": "word", "longest": 1}
    source = sources.open_source(sources.from_document(said, tmp_path))
    assert isinstance(source, texts.Source)
    (batch,) = source.only("person", Consented().is_consented).batches(["person"])
    assert list(batch.places) == [2, 3]
    plan = schema.Schema(tuple(schema.numeric(f"t{index:04}", 0, 255) for index in range(16)), SICK)
    assert reading.read_table(source, plan, persons=Consented()).persons == ("p1", "p2")

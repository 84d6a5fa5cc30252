"""Sample tables: real records, split as their recipes say."""

import hashlib
import pathlib

import pytest

from aicommons.data import infer, reading, samples
from aicommons.domain import errors, schema

HEART = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "heart_disease"


@pytest.mark.skipif(not HEART.is_dir(), reason="the UCI files are not beside this repository (../shared/data)")
def test_heart_follows_the_recipe(tmp_path: pathlib.Path) -> None:
    """The four files give 303, 261, 46 and 130 complete rows of 13 features and 51.8 % disease."""
    tables = {
        site: reading.read_table(path, samples.heart_schema()) for site, path in samples.heart(HEART, tmp_path).items()
    }
    assert {site: table.rows for site, table in tables.items()} == {
        "cleveland": 303,
        "hungarian": 261,
        "switzerland": 46,
        "va": 130,
    }
    assert {table.features.shape[1] for table in tables.values()} == {13}
    assert sum(table.target.sum() for table in tables.values()) == round(0.5175675675675676 * 740)
    assert [table.dropped for table in tables.values()] == [0, 33, 77, 70]


def heart_folder(folder: pathlib.Path, line: str) -> pathlib.Path:
    """Four files of one line each."""
    for name in samples.HEART_FILES.values():
        (folder / name).write_text(line + "\n")
    return folder


def test_heart_codes_categories_and_gaps(tmp_path: pathlib.Path) -> None:
    """The categories cp and restecg become 0/1 columns without their first level; gaps in left-out columns do not matter."""
    data = heart_folder(tmp_path, "63.0,1.0,4.0,145,233,1,2,150,0,2.3,?,?,?,2")
    path = samples.heart(data, tmp_path / "out")["va"]
    header, row = path.read_text().splitlines()
    assert header == "age,sex,cp_2,cp_3,cp_4,trestbps,chol,fbs,restecg_1,restecg_2,thalach,exang,oldpeak,disease"
    assert row == "63,1,0,0,1,145,233,1,0,1,150,0,2.3,yes"
    data = heart_folder(tmp_path, "63,1,4,?,233,1,2,150,0,2.3,1,0,3,0")
    assert len(samples.heart(data, tmp_path / "out")["va"].read_text().splitlines()) == 2


def test_heart_without_its_files(tmp_path: pathlib.Path) -> None:
    """A folder without the files is refused with the option that names it, a strange line with its number."""
    with pytest.raises(errors.TableError, match="cannot be read") as caught:
        samples.heart(tmp_path, tmp_path / "out")
    assert "--data" in str(caught.value.next_step)
    with pytest.raises(errors.TableError, match=r"line 1 .*expected 14 fields, got 2 fields|line 1"):
        samples.heart(heart_folder(tmp_path, "1,2"), tmp_path / "out")


@pytest.mark.parametrize("seed", [0, 1, 2, 7, 42])
def test_hospitals_are_skewed_and_complete(seed: int, tmp_path: pathlib.Path) -> None:
    """For every seed: 569 patients in five hospitals of different size, both outcomes in each, rates that differ."""
    paths = samples.hospitals(tmp_path, seed=seed)
    drafted = infer.infer_columns(list(paths.values()), "diagnosis").schema
    tables = [reading.read_table(path, drafted) for path in paths.values()]
    sizes = [table.rows for table in tables]
    assert sum(sizes) == 569
    assert sizes == sorted(sizes, reverse=True)
    assert all(samples.HOSPITAL_FLOOR <= table.target.sum() <= table.rows - samples.HOSPITAL_FLOOR for table in tables)
    rates = [table.target.mean() for table in tables]
    assert max(rates) - min(rates) > 0.15
    assert drafted.target.classes == ("benign", "malignant")


def test_hospitals_depend_on_the_seed_alone(tmp_path: pathlib.Path) -> None:
    """The same seed writes the same bytes, another seed others."""
    digests = [
        hashlib.sha256(
            b"".join(path.read_bytes() for path in samples.hospitals(tmp_path / str(at), seed=seed).values())
        )
        for at, seed in enumerate((3, 3, 4))
    ]
    assert digests[0].digest() == digests[1].digest() != digests[2].digest()
    with pytest.raises(errors.InputError, match="seed"):
        samples.hospitals(tmp_path, seed=-1)


def test_by_site_splits_any_table(tmp_path: pathlib.Path) -> None:
    """Each value of the column becomes a table without that column, with points in its numbers; rows without a site go."""
    path = tmp_path / "all.csv"
    path.write_bytes(
        "Größe;Ort;krank\n1,5;A/B;ja\n2,5;A.B;nein\n3,5;Çelik;ja\n4,5;;ja\n5,5;A/B;nein\n".encode("cp1252")
    )
    parts = samples.by_site(path, "Ort", tmp_path / "parts", numbers=["Größe"])
    assert list(parts) == ["A.B", "A/B", "Çelik"]
    assert len({part.name for part in parts.values()}) == 3
    sick = schema.Target(schema.Task.BINOMIAL, "krank", classes=("ja", "nein"))
    plan = schema.Schema((schema.numeric("Größe", 0, 10),), sick)
    assert reading.read_table(parts["A/B"], plan).features[:, 0].tolist() == [1.5, 5.5]


BAD_SITES = {
    "one site": ("s,x\na,1\na,2\n", "s", "got 1 sites"),
    "two sites": ("s,x\na,1\nb,2\n", "s", "got 2 sites"),
    "a site per row": ("s,x\n" + "".join(f"p{row},1\n" for row in range(300)), "s", "got more sites"),
    "no such column": ("s,x\na,1\n", "hospital", "column is missing"),
    "ragged": ("s,x\na,1\nb\nc,2\n", "s", "line 3"),
}


@pytest.mark.parametrize("name", BAD_SITES)
def test_columns_that_do_not_name_sites_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    """Too few or too many sites, a missing column and ragged rows are refused before anything is written."""
    content, column, message = BAD_SITES[name]
    path = tmp_path / "all.csv"
    path.write_text(content)
    with pytest.raises(errors.TableError, match=message):
        samples.by_site(path, column, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()

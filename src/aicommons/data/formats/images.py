"""A folder of labelled images becomes rows: one column per pixel of a fixed size, grey or red, green, blue.

Opened by ``sources``. Every image is turned upright, laid on white, scaled to ``width`` x ``height`` (box filter, the
sides' ratio is not kept) and read row by row: ``p00000``, ``p00001``, … each 0 to 255, for colours three columns a pixel.
So all sites that name the same size get the same columns. Needs the extra ``tables``.
"""

import dataclasses
import hashlib
import pathlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aicommons.data import batches
from aicommons.data.formats import extras, folders
from aicommons.domain import errors, schema

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")
"""The decoders that may be used; what a file is called does not matter."""
MOST_PIXELS = 64 * 2**20
"""Of one image before scaling: a small file may claim to unpack to any size."""
MODES = {"grey": ("L", 1), "rgb": ("RGB", 3)}


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One folder of images."""

    folder: folders.Folder
    """Where they are and what they are labelled."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    colours: str
    """``grey`` or ``rgb``."""
    notices: tuple[str, ...] = ()
    """Nothing is decided on opening."""

    unit = "row"
    decimal_comma = False

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.path.name

    @property
    def pixels(self) -> tuple[str, ...]:
        """Names of the pixels' columns, row by row from the upper left."""
        count = self.width * self.height * MODES[self.colours][1]
        return tuple(f"p{index:05}" for index in range(count))

    @property
    def header(self) -> tuple[str, ...]:
        """What is said of each image, then its pixels."""
        return (*self.folder.header, *self.pixels)

    @property
    def declared(self) -> Mapping[str, schema.Feature]:
        """Pixels are numbers from 0 to 255."""
        return {name: schema.numeric(name, 0.0, 255.0) for name in self.pixels}

    def identity(self) -> str:
        """Return a digest of the size, and of name, label, length and time of change of every image."""
        digest = hashlib.sha256(f"{self.width} {self.height} {self.colours}\n".encode())
        for line in folders.stamp(self.folder):
            digest.update(line.encode())
        return digest.hexdigest()

    def only(self, column: str, is_wanted: Callable[[str], bool]) -> "Source":
        """Return the source with only those images of which ``column`` holds a text that is wanted; no other is opened."""
        return dataclasses.replace(self, folder=dataclasses.replace(self.folder, only=(column, is_wanted)))

    def batches(self, names: Sequence[str]) -> Iterator[batches.Batch]:
        """Yield one row per image; one that cannot be read is told as broken."""
        places = {name: place for place, name in enumerate(self.pixels)}
        for name in names:
            if name not in places and name not in self.folder.header:
                batches.check_column(self, name)
        wanted = [(name, places[name]) for name in names if name in places]
        first = 0
        for part in self.folder.parts():
            tried = [(each, self._read(each.path) if wanted else np.zeros(0)) for each in part]
            whole = [(each, pixels) for each, pixels in tried if pixels is not None]
            broken = tuple(_broken(each) for each, pixels in tried if pixels is None)
            matrix = np.array([pixels for _, pixels in whole]).reshape(len(whole), len(places) if wanted else 0)
            cells: dict[str, list[str] | npt.NDArray[np.float64]] = {
                name: [each.said[name] for each, _ in whole] for name in names if name not in places
            }
            cells |= {name: np.ascontiguousarray(matrix[:, place]) for name, place in wanted}
            yield batches.Batch(first, [each.place for each, _ in whole], cells, broken)
            first += len(whole)

    def _read(self, path: pathlib.Path) -> npt.NDArray[np.float64] | None:
        """Return float64[width * height * channels], or ``None`` for a file that is no image or too large."""
        from PIL import Image, ImageOps

        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what it suspects to be a bomb
            try:
                with Image.open(path, formats=FORMATS) as image:
                    if image.width * image.height > MOST_PIXELS:
                        return None
                    upright = ImageOps.exif_transpose(image).convert("RGBA")
                    ground = Image.new("RGBA", upright.size, "white")
                    flat = Image.alpha_composite(ground, upright).convert(MODES[self.colours][0])
                    scaled = flat.resize((self.width, self.height), Image.Resampling.BOX)
                    return np.asarray(scaled, dtype=np.float64).ravel()
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
                return None


def inspect(body: Mapping[str, object]) -> Source:
    """Return the folder's columns.

    Raises:
        errors.TableError: no such folder, or no labels.
        errors.InputError: more columns than a schema may have, or the extra is not installed.
    """
    extras.need("PIL", "tables")
    width, height = int(str(body["width"])), int(str(body["height"]))
    colours = str(body["colours"])
    if width * height * MODES[colours][1] > schema.MOST_FEATURES:
        raise errors.InputError(
            "the images have too many pixels",
            which="source.width",
            expected=f"at most {schema.MOST_FEATURES} columns",
            got=width * height * MODES[colours][1],
        )
    labels = body.get("labels")
    folder = folders.inspect(
        pathlib.Path(str(body["path"])), SUFFIXES, None if labels is None else pathlib.Path(str(labels))
    )
    return Source(folder, width, height, colours)


def _broken(each: folders.Labelled) -> batches.Broken:
    return batches.Broken(
        each.place,
        "an image cannot be read",
        f"an image of at most {MOST_PIXELS // 2**20} million pixels",
        "another file",
    )

"""The frames of a DICOM picture as RGB pages. PS3.3, section C.7.6.3; PS3.5, section 8 and annexes A and G."""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID

from ml.errors import PageRejected
from ml.lazy_pages import LazyPages

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ml.decode import Page

_NATIVE: Final = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")
RLE: Final = "1.2.840.10008.1.2.5"
JPEG: Final = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
JPEG_2000: Final = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_COLOURS: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_GREYS: Final = ("MONOCHROME1", "MONOCHROME2")
PHOTOMETRIC: Final = (*_COLOURS, *_GREYS, "PALETTE COLOR")


def check(dataset: Dataset) -> None:
    """Refuse what could not be decoded, before anything of it is.

    Raises:
        PageRejected: the picture is too large or small, has too many frames or a compression that is not known here.
    """
    from ml.decode import MAX_PDF_PAGES, check_size

    check_size(int(dataset.Columns), int(dataset.Rows))
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if count > MAX_PDF_PAGES:
        raise PageRejected(
            "too_many_pages",
            f"The file has {count} pictures; the limit is {MAX_PDF_PAGES}. Export the ECG pages alone.",
        )
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    if syntax not in (*_NATIVE, RLE, *JPEG, *JPEG_2000):
        name = syntax.name if syntax.keyword else "unknown"
        raise PageRejected(
            "unsupported_compression",
            f"The picture in this DICOM file is compressed in a way that cannot be read here ({name}). "
            "Export it uncompressed or as JPEG.",
            detail=name,
        )
    if count < 1 or int(dataset.BitsAllocated) not in (1, 8, 16) or int(dataset.SamplesPerPixel) not in (1, 3):
        raise _damaged()


class Frames(LazyPages):
    """The frames of a picture, each decoded when it is asked for.

    Args:
        dataset: technical elements and pixel data, as `deidentify.picture_dataset` leaves them.

    Raises:
        PageRejected: ``damaged_file``.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._count = int(dataset.get("NumberOfFrames", 1) or 1)
        self._height, self._width = int(dataset.Rows), int(dataset.Columns)
        # A file whose first frame cannot be decoded is refused before anything is stored.
        self._first = self._decoded(0)

    def __len__(self) -> int:
        return self._count

    def _page(self, number: int) -> Page:
        return self._first if number == 0 else self._decoded(number)

    def _decoded(self, number: int) -> Page:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return _rgb(self._samples(number), self.dataset)
            except PageRejected:
                raise
            # pydicom and the codecs raise nearly anything on damaged pixel data.
            except Exception as error:
                raise _damaged() from error

    def _samples(self, number: int) -> NDArray[np.generic]:
        dataset = self.dataset
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax == RLE:
            return self._from_run_lengths(get_frame(dataset.PixelData, number, number_of_frames=self._count))
        if syntax in (*JPEG, *JPEG_2000):
            frame = get_frame(dataset.PixelData, number, number_of_frames=self._count)
            with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
                # What the data set says of the size was checked; what the picture in it says is what is decoded.
                if image.size != (self._width, self._height):
                    raise _damaged()
        samples, _ = get_decoder(syntax).as_array(dataset, index=number)
        return np.asarray(samples)

    def _from_run_lengths(self, frame: bytes) -> NDArray[np.generic]:
        """PS3.5, annex G; bounded, because two bytes can stand for 128."""
        pixels = self._width * self._height
        depth, samples = int(self.dataset.BitsAllocated) // 8, int(self.dataset.SamplesPerPixel)
        count, *offsets = struct.unpack_from("<16I", frame)
        if count != depth * samples or count > 15:
            raise _damaged()
        bounds = [*offsets[:count], len(frame)]
        planes = [_unpacked(frame[bounds[n] : bounds[n + 1]], pixels) for n in range(count)]
        # Of each sample the most significant byte comes first.
        merged = np.zeros((samples, pixels), np.uint16 if depth == 2 else np.uint8)
        for number, plane in enumerate(planes):
            merged[number // depth] |= plane.astype(merged.dtype) << (8 * (depth - 1 - number % depth))
        if int(self.dataset.PixelRepresentation):
            merged = merged.view(np.int16 if depth == 2 else np.int8)
        shape = (self._height, self._width)
        return merged.reshape(shape) if samples == 1 else np.moveaxis(merged.reshape(samples, *shape), 0, -1)


def _unpacked(data: bytes, size: int) -> NDArray[np.uint8]:
    out = bytearray()
    at, end = 0, len(data)
    while at < end and len(out) < size:
        control = data[at]
        if control < 128:
            out += data[at + 1 : at + 2 + control]
            at += 2 + control
        else:
            if control > 128:
                out += data[at + 1 : at + 2] * (257 - control)
            at += 2
    if len(out) < size:
        raise _damaged()
    return np.frombuffer(bytes(out[:size]), np.uint8)


def _rgb(samples: NDArray[np.generic], dataset: Dataset) -> Page:
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        coloured = np.asarray(apply_color_lut(samples, dataset))[..., :3]
        return (coloured >> 8).astype(np.uint8) if coloured.dtype.itemsize == 2 else coloured.astype(np.uint8)
    if samples.ndim == 3 and samples.shape[2] == 3:
        if photometric == "YBR_FULL" and dataset.file_meta.TransferSyntaxUID == RLE:
            samples = np.asarray(Image.fromarray(samples.astype(np.uint8), "YCbCr").convert("RGB"))
        elif samples.dtype.itemsize == 2:
            samples = samples.astype(np.uint16) >> max(int(dataset.BitsStored) - 8, 0)
        return np.ascontiguousarray(samples, dtype=np.uint8)
    if samples.ndim != 2 or photometric not in _GREYS:
        raise _damaged()
    grey = _shades(samples, dataset)
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    return np.repeat(grey[..., None], 3, axis=2)


def _shades(samples: NDArray[np.generic], dataset: Dataset) -> NDArray[np.uint8]:
    """Rescale and window (PS3.3, C.11.1 and C.11.2), through a table of every value a sample can have."""
    if int(dataset.BitsAllocated) == 1:
        return np.asarray(samples != 0, dtype=np.uint8) * np.uint8(255)
    unsigned = np.dtype(f"u{samples.dtype.itemsize}")
    if unsigned.itemsize > 2:
        raise _damaged()
    every = np.arange(2 ** (8 * unsigned.itemsize), dtype=unsigned).view(samples.dtype).astype(np.float64)
    slope, intercept = (
        float(dataset.get(name, usual)) for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    values = every * slope + intercept
    centre, width = (dataset.get(name) for name in ("WindowCenter", "WindowWidth"))
    if centre is not None and width is not None and float(width) > 1:
        shown = (values - (float(centre) - 0.5)) / (float(width) - 1) + 0.5
    elif samples.dtype == np.uint8 and int(dataset.BitsStored) == 8:
        shown = every / 255
    else:
        seen = values[np.unique(samples).view(unsigned)]
        low, high = float(seen.min()), float(seen.max())
        shown = (values - low) / max(high - low, 1e-9)
    if not np.isfinite(shown).all():
        raise _damaged()
    table = np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return np.asarray(table[np.ascontiguousarray(samples).view(unsigned)], dtype=np.uint8)


def _damaged() -> PageRejected:
    return PageRejected(
        "damaged_file", "The picture in this DICOM file is damaged or cut short. Please export it again."
    )

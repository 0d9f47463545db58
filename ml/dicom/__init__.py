"""A DICOM object → page images or the PDF in it, and a copy without anything that says whose it is.

Taken are 12-lead and general ECG waveforms (drawn as a page), pictures of any kind, and encapsulated PDF. Everything
is bounded before it is built: size of the picture, number of frames, elements and depth of the data set.
https://dicom.nema.org/medical/dicom/current/output/chtml/part03/
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pydicom
from pydicom.uid import UID
from pydicom.valuerep import DT

from ml.dicom import deidentify, pictures, scan, waveform
from ml.errors import PageRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ml.decode import Page

# It quotes the values that it complains of: names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

MEDIA_TYPE: Final = "application/dicom"

# Codes of warnings.
RENDERED_FROM_WAVEFORM: Final = "rendered_from_waveform"
RECORDING_SHORTENED: Final = "recording_shortened"
MAY_SHOW_NAMES: Final = "may_show_names"

_ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"


@dataclass(frozen=True)
class DicomFile:
    """What is in a DICOM object.

    Attributes:
        safe_copy: a DICOM file made anew of what is needed technically, nothing else.
        pages: RGB pages; of a PDF none.
        pdf: an encapsulated PDF's bytes.
        warnings: stable codes of what a reader of the page should know.
        identifying: words that name the patient or the examination, in lower case.
        recorded_at: when the ECG was recorded, if the file says so to the minute; without a time zone if it names none.
    """

    safe_copy: bytes
    pages: Sequence[Page] = ()
    pdf: bytes | None = None
    warnings: tuple[str, ...] = ()
    identifying: frozenset[str] = field(default_factory=frozenset)
    recorded_at: datetime | None = None


def is_dicom(data: bytes) -> bool:
    """Whether the bytes begin as DICOM files do (PS3.10, section 7.1)."""
    return data[128:132] == b"DICM"


def read(data: bytes) -> DicomFile:
    """Read a DICOM file.

    Args:
        data: the whole file, for which `is_dicom` holds.

    Raises:
        PageRejected: ``damaged_file``, ``too_many_pixels``, ``too_small``, ``too_many_pages``, ``unsupported_dicom``,
            ``unsupported_compression``, ``too_few_leads``, ``recording_too_short``, ``waveform_without_scale`` or
            ``implausible_waveform``.
    """
    with warnings.catch_warnings():
        # pydicom warns of every value that is not quite as the standard has it; what matters is checked here.
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(scan.checked(data)))
            return replace(_contents(dataset), recorded_at=_recorded_at(dataset))
        except PageRejected:
            raise
        # Damaged elements raise nearly anything, each when it is looked at.
        except Exception as error:
            raise damaged() from error


def damaged() -> PageRejected:
    return PageRejected(
        "damaged_file", "The DICOM file is damaged or cut short and cannot be opened. Please export it again."
    )


def _contents(dataset: Dataset) -> DicomFile:
    identifying = _identifying(dataset)
    if "WaveformSequence" in dataset:
        recording = waveform.read(dataset)
        page, shortened = waveform.draw(recording)
        codes = (RENDERED_FROM_WAVEFORM, *((RECORDING_SHORTENED,) if shortened else ()))
        return DicomFile(deidentify.waveform_copy(recording), [page], None, codes, identifying)
    may_show_names = () if str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "NO" else (MAY_SHOW_NAMES,)
    if str(dataset.get("SOPClassUID", "")) == _ENCAPSULATED_PDF:
        pdf = deidentify.bare_pdf(bytes(dataset.EncapsulatedDocument))
        return DicomFile(deidentify.pdf_copy(pdf), (), pdf, may_show_names, identifying)
    if "PixelData" in dataset:
        pictures.check(dataset)
        frames = pictures.Frames(deidentify.picture_dataset(dataset))
        return DicomFile(deidentify.as_file(frames.dataset), frames, None, may_show_names, identifying)
    uid = UID(str(dataset.get("SOPClassUID", "")))
    # The name of a class that nobody registered is whatever the file says.
    kind = uid.name if uid.keyword else "unknown"
    raise PageRejected(
        "unsupported_dicom",
        f"This DICOM object ({kind}) holds neither an ECG waveform nor a picture nor a PDF. Export one of these.",
        detail=kind,
    )


def _recorded_at(dataset: Dataset) -> datetime | None:
    """The start of acquisition (PS3.3, C.10.8 and C.24.2): not when a scan of it was made or stored."""
    text = str(dataset.get("AcquisitionDateTime") or "")
    if not text:
        text = f"{dataset.get('AcquisitionDate') or ''}{dataset.get('AcquisitionTime') or ''}"
    text = text.strip()
    if not re.search(r"[+-]\d{4}$", text):
        text += str(dataset.get("TimezoneOffsetFromUTC") or "").strip()
    # Less than the minute would be read as midnight, or as the first of January.
    if not re.fullmatch(r"\d{12}(\d{2}(\.\d{1,6})?)?([+-]\d{4})?", text):
        return None
    try:
        moment = DT(text)
    except ValueError:
        return None
    # A plain one: pydicom's own remembers the text.
    return datetime.combine(moment.date(), moment.timetz())


def _identifying(dataset: Dataset) -> frozenset[str]:
    """What of patient and examination could stand in a file's name."""
    words: set[str] = set()
    for keyword in ("PatientName", "OtherPatientNames", "PatientBirthName"):
        words.update(re.split(r"[\W_]+", str(dataset.get(keyword, "") or "")))
    for keyword in (
        *("PatientID", "AccessionNumber", "StudyID", "PatientBirthDate"),
        *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    ):
        words.add(str(dataset.get(keyword, "") or ""))
    # Shorter ones would be found in every name.
    return frozenset(word.casefold() for word in words if sum(letter.isalnum() for letter in word) > 2)

"""A DICOM file made anew of what is needed technically.

In the spirit of the Basic Application Level Confidentiality Profile (PS3.15, annex E), but the other way round: nothing
is taken out, a few elements are put in. Every value is a number, a code from a list, or samples; identifiers are new;
there are no names, dates, free texts or private elements. What is drawn into a picture stays in it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import pydicom
import pypdfium2 as pdfium
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    TwelveLeadECGWaveformStorage,
    generate_uid,
)
from pydicom.valuerep import DSfloat

from ml.dicom.pictures import JPEG, JPEG_2000, PHOTOMETRIC
from ml.errors import PageRejected
from ml.jpeg import without_metadata

if TYPE_CHECKING:
    from ml.dicom.waveform import Channel, Recording

METHOD: Final = "Isoline: made anew from technical elements"
_ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"
_WHOLE: Final = (
    *("SamplesPerPixel", "PlanarConfiguration", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)
_DECIMAL: Final = ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept")
_CODES: Final = {"BurnedInAnnotation": ("YES", "NO"), "LossyImageCompression": ("00", "01")}
_PALETTES: Final = tuple(
    f"{kind}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for kind, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_MDC_NUMBERS: Final = {
    "I": 1,
    "II": 2,
    **{f"V{number}": number + 2 for number in range(1, 7)},
    "III": 61,
    "aVR": 62,
    "aVL": 63,
    "aVF": 64,
}


def as_file(dataset: Dataset) -> bytes:
    """The data set as the bytes of a DICOM file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def picture_dataset(source: Dataset) -> FileDataset:
    """The technical elements and the pixel data of a picture that `pictures.check` let pass.

    What a compressed frame says beside its picture is left out.
    """
    syntax = UID(str(source.file_meta.TransferSyntaxUID))
    kept_syntax = syntax if syntax.is_encapsulated else ExplicitVRLittleEndian
    # A class that nobody registered could be any text.
    sop_class = UID(str(source.get("SOPClassUID", "")))
    made = _new(sop_class if sop_class.keyword else SecondaryCaptureImageStorage, kept_syntax)
    made.Modality = "OT"
    for keyword in _WHOLE:
        if (value := source.get(keyword)) is not None:
            setattr(made, keyword, int(value))
    if "PixelRepresentation" not in source:
        made.PixelRepresentation = 0
    for keyword in _DECIMAL:
        if (value := source.get(keyword)) not in (None, ""):
            first = value if isinstance(value, (int, float, str)) else value[0]
            setattr(made, keyword, DSfloat(float(first), auto_format=True))
    for keyword, allowed in _CODES.items():
        if (code := str(source.get(keyword, "")).strip().upper()) in allowed:
            setattr(made, keyword, code)
    _copy_colours(source, made)
    frames = max(int(source.get("NumberOfFrames", 1) or 1), 1)
    if frames > 1:
        made.NumberOfFrames = frames
    _copy_pixels(source, made, syntax, frames)
    return made


def _copy_colours(source: Dataset, made: FileDataset) -> None:
    photometric = str(source.PhotometricInterpretation).strip()
    if photometric not in PHOTOMETRIC:
        raise PageRejected("damaged_file", "The picture in this DICOM file has colours of an unknown kind.")
    made.PhotometricInterpretation = photometric
    if photometric == "PALETTE COLOR":
        for keyword in _PALETTES:
            if keyword in source:
                made[keyword] = source[keyword]


def _copy_pixels(source: Dataset, made: FileDataset, syntax: UID, frames: int) -> None:
    data = bytes(source.PixelData)
    if not syntax.is_encapsulated:
        bits = made.Rows * made.Columns * made.SamplesPerPixel * made.BitsAllocated * frames
        if made.PhotometricInterpretation == "YBR_FULL_422":
            bits = bits * 2 // 3
        if len(data) < (bits + 7) // 8:
            raise PageRejected("damaged_file", "The picture in this DICOM file is cut short. Please export it again.")
        # What stands behind the pixels is nobody's picture.
        data = data[: (bits + 7) // 8]
        if not source.original_encoding[1] and made.BitsAllocated == 16:
            data = b"".join(data[at + 1 : at + 2] + data[at : at + 1] for at in range(0, len(data), 2))
        made.add_new("PixelData", "OW" if made.BitsAllocated > 8 else "OB", data + b"\0" * (len(data) % 2))
        return
    bare = [_bare(get_frame(data, number, number_of_frames=frames), syntax) for number in range(frames)]
    made.add_new("PixelData", "OB", encapsulate(bare))
    made["PixelData"].is_undefined_length = True


def _bare(frame: bytes, syntax: UID) -> bytes:
    """A compressed frame without comments and application data."""
    if syntax in JPEG:
        bare = without_metadata(frame.rstrip(b"\0"))
        if bare is None:
            raise PageRejected("damaged_file", "The JPEG in this DICOM file is damaged. Please export it again.")
        return bare
    return _bare_codestream(frame) if syntax in JPEG_2000 else frame


def _bare_codestream(frame: bytes) -> bytes:
    """A JPEG 2000 codestream without file format round it and without comments (ITU-T T.800, annexes A and I)."""
    start = frame.find(b"\xff\x4f\xff\x51")
    if start < 0:
        raise PageRejected("damaged_file", "The JPEG 2000 in this DICOM file is damaged. Please export it again.")
    kept, at = [b"\xff\x4f"], start + 2
    while frame[at : at + 2] != b"\xff\x90":
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        if frame[at : at + 1] != b"\xff" or length < 2:
            raise PageRejected("damaged_file", "The JPEG 2000 in this DICOM file is damaged. Please export it again.")
        if frame[at + 1] != 0x64:
            kept.append(frame[at : at + 2 + length])
        at += 2 + length
    end = frame.rfind(b"\xff\xd9")
    return b"".join(kept) + frame[at : end + 2 if end > at else len(frame)]


def waveform_copy(recording: Recording) -> bytes:
    """The recording: its stored leads with their scale."""
    sop_class = UID(recording.sop_class)
    made = _new(sop_class if sop_class.keyword else TwelveLeadECGWaveformStorage, ExplicitVRLittleEndian)
    made.Modality = "ECG"
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = recording.samples.shape
    group.SamplingFrequency = DSfloat(recording.sampling_hz, auto_format=True)
    group.ChannelDefinitionSequence = [_channel(channel, recording) for channel in recording.channels]
    bits = 8 * recording.samples.dtype.itemsize
    group.WaveformBitsAllocated = bits
    signed = recording.samples.dtype.kind == "i"
    group.WaveformSampleInterpretation = {8: ("UB", "SB"), 16: ("US", "SS"), 32: ("UL", "SL")}[bits][signed]
    kind = "OB" if bits == 8 else "OW"
    if recording.missing_value is not None:
        padding = recording.samples.dtype.type(recording.missing_value).tobytes()
        group.add_new("WaveformPaddingValue", kind, padding + b"\0" * (len(padding) % 2))
    data = recording.samples.tobytes()
    group.add_new("WaveformData", kind, data + b"\0" * (len(data) % 2))
    made.WaveformSequence = [group]
    return as_file(made)


def _channel(channel: Channel, recording: Recording) -> Dataset:
    made = Dataset()
    made.ChannelLabel = channel.lead
    made.ChannelSourceSequence = [_code(f"2:{_MDC_NUMBERS[channel.lead]}", "MDC", f"Lead {channel.lead}")]
    made.ChannelSensitivity = DSfloat(channel.sensitivity_mv * 1000, auto_format=True)
    made.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt")]
    made.ChannelSensitivityCorrectionFactor = "1"
    made.ChannelBaseline = DSfloat(channel.baseline_mv * 1000, auto_format=True)
    made.ChannelSampleSkew = "0"
    made.WaveformBitsStored = 8 * recording.samples.dtype.itemsize
    return made


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def bare_pdf(data: bytes) -> bytes:
    """The pages of a PDF without title, author, attachments and scripts.

    Raises:
        PageRejected: ``damaged_file`` or ``encrypted_pdf``.
    """
    from ml.decode import open_pdf, pdfium_in_use

    buffer = io.BytesIO()
    with pdfium_in_use, open_pdf(data) as source, pdfium.PdfDocument.new() as made:
        made.import_pages(source)
        made.save(buffer)
    return buffer.getvalue()


def pdf_copy(pdf: bytes) -> bytes:
    """A PDF in DICOM again."""
    made = _new(_ENCAPSULATED_PDF, ExplicitVRLittleEndian)
    made.Modality = "DOC"
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return as_file(made)


def _new(sop_class: str, syntax: UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(made, keyword, "")
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = METHOD
    return made

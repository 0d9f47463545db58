"""DICOM files as a hospital's machines write them, names and all, made in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pydicom
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ml.leads.layouts import LEADS

TWELVE_LEAD = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL_ECG = "1.2.840.10008.5.1.4.1.1.9.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
MDC = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, **{f"V{n}": n + 2 for n in range(1, 7)}}

# What must never be found again.
SECRETS = ("Mustermann", "Erika", "PID-4711", "19640812", "Dr Geheim", "Haus Ypsilon", "secret private", "sinus rhythm")


def blank(sop_class: str, syntax: str = ExplicitVRLittleEndian) -> FileDataset:
    """An object about Erika Mustermann."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    made = FileDataset("", {}, file_meta=meta, preamble=b"secret private preamble".ljust(128, b"\0"))
    made.SOPClassUID, made.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID = "Mustermann^Erika", "PID-4711"
    made.PatientBirthDate, made.StudyDate, made.AccessionNumber = "19640812", "20260102", "PID-4711"
    made.ReferringPhysicianName, made.InstitutionName = "Dr Geheim", "Haus Ypsilon"
    made.StudyDescription = "Erika, 12-lead ECG"
    made.private_block(0x0099, "secret private", create=True).add_new(1, "LO", "Mustermann")
    return made


def as_bytes(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def waveform_dataset(
    signals: Mapping[str, NDArray[np.float64]],
    *,
    leads: Sequence[str] = LEADS,
    sampling_hz: float = 500,
    unit: str = "uV",
    sensitivity: float = 2.5,
    baseline: float = 0.0,
    correction: float = 1.0,
    scheme: str = "MDC",
    sop_class: str = TWELVE_LEAD,
    syntax: str = ExplicitVRLittleEndian,
) -> FileDataset:
    """``signals`` in mV as an ECG waveform object of 16-bit samples."""
    made = blank(sop_class, syntax)
    made.Modality = "ECG"
    per_mv = {"uV": 1000.0, "mV": 1.0, "V": 0.001}[unit]
    stored = np.stack([(signals[lead] * per_mv - baseline) / (sensitivity * correction) for lead in leads], axis=1)
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = stored.shape
    group.SamplingFrequency = str(sampling_hz)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = []
    for lead in leads:
        channel = Dataset()
        sources = {
            "MDC": code(f"2:{MDC[lead]}", "MDC", "whatever"),
            "SCPECG": code(f"5.6.3-9-{MDC[lead]}", "SCPECG", "whatever"),
            "decimal": code(str(131328 + MDC[lead]), "MDC", "whatever"),
            "name": code(f"MDC_ECG_LEAD_{lead.upper()}", "MDC", "whatever"),
            "LOINC": code("99999-9", "LN", f"Lead {lead}"),
        }
        if scheme in sources:
            channel.ChannelSourceSequence = [sources[scheme]]
        else:
            channel.ChannelLabel = f"Lead {lead} (std)"
        channel.ChannelSensitivity, channel.ChannelBaseline = str(sensitivity), str(baseline)
        channel.ChannelSensitivityCorrectionFactor = str(correction)
        channel.ChannelSensitivityUnitsSequence = [code(unit, "UCUM", "unit")]
        channel.WaveformBitsStored = 16
        group.ChannelDefinitionSequence.append(channel)
    big_endian = syntax == "1.2.840.10008.1.2.2"
    group.add_new("WaveformData", "OW", np.round(stored).astype(">i2" if big_endian else "<i2").tobytes())
    made.WaveformSequence = [group]
    note = Dataset()
    note.UnformattedTextValue = "Mustermann: sinus rhythm"
    made.WaveformAnnotationSequence = [note]
    return made


def picture_dataset(
    pixels: NDArray[Any],
    *,
    photometric: str = "",
    frames: int = 1,
    syntax: str = ExplicitVRLittleEndian,
    **elements: Any,
) -> FileDataset:
    """A secondary capture of (height, width[, 3]) pixels, every frame the same."""
    made = blank(SECONDARY_CAPTURE, syntax)
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric or ("RGB" if pixels.ndim == 3 else "MONOCHROME2")
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames > 1:
        made.NumberOfFrames = frames
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.add_new("PixelData", "OW" if pixels.dtype.itemsize > 1 else "OB", pixels.tobytes() * frames)
    return made


def compressed(pixels: NDArray[np.uint8], syntax: str, frames: Sequence[bytes], **elements: Any) -> FileDataset:
    """A secondary capture whose frames are ``frames``."""
    made = picture_dataset(pixels, syntax=syntax, **elements)
    if len(frames) > 1:
        made.NumberOfFrames = len(frames)
    made.add_new("PixelData", "OB", encapsulate(list(frames)))
    made["PixelData"].is_undefined_length = True
    return made


def coded(pixels: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def pdf_dataset(pages: int = 2) -> FileDataset:
    """A PDF that names the patient in its title."""
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        document.new_page(842, 595)
    buffer = io.BytesIO()
    document.save(buffer)
    data = buffer.getvalue() + b"\n% Mustermann, Erika\n"
    made = blank(ENCAPSULATED_PDF)
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.DocumentTitle = "Mustermann, Erika"
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    return made

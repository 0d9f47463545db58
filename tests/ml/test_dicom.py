"""DICOM in: what is drawn is what was recorded, what is kept names nobody, what is hostile is refused."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ml.decode import decode
from ml.errors import PageRejected
from ml.leads.layouts import LEADS
from ml.measurements.measure import measure
from ml.synthetic import synthetic_signals
from ml.traces import read_traces
from tests.ml.dicom_files import (
    GENERAL_ECG,
    SECRETS,
    as_bytes,
    blank,
    coded,
    compressed,
    pdf_dataset,
    picture_dataset,
    waveform_dataset,
)

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


@pytest.fixture(scope="module")
def signals() -> dict[str, NDArray[np.float64]]:
    return synthetic_signals(3, heart_rate_bpm=76)


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """A smooth picture in colour, so that lossy coders stay close to it."""
    rows, columns = np.mgrid[0:200, 0:240]
    return np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8)


def refusal(data: bytes) -> PageRejected:
    with pytest.raises(PageRejected) as caught:
        list(decode(data).pages)
    return caught.value


# --- Waveforms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "bpm"), [(3, 76), (5, 58), (8, 112)])
def test_what_was_recorded_is_read_back_from_the_page(seed: int, bpm: float) -> None:
    recorded = synthetic_signals(seed, heart_rate_bpm=bpm)
    found = decode(as_bytes(waveform_dataset(recorded)))
    assert (found.media_type, found.warnings) == ("application/dicom", ("rendered_from_waveform",))
    read = {value.name: value.value for value in read_traces(found.pages[0]).measurements.values if not value.lead}
    # The truth: the same rules on the signals themselves, never printed.
    truth = {value.name: value.value for value in measured_directly(recorded) if not value.lead}
    assert read["heart_rate"] == pytest.approx(truth["heart_rate"], abs=1)
    assert read["heart_rate"] == pytest.approx(bpm, abs=3)
    assert read["qrs_duration"] == pytest.approx(truth["qrs_duration"], abs=10)


def measured_directly(recorded: dict[str, NDArray[np.float64]]) -> Any:
    from dataclasses import replace

    leads = read_traces(decode(as_bytes(waveform_dataset(recorded))).pages[0]).leads

    def exact(lead: Any) -> Any:
        at_s = lead.start_s + np.arange(len(lead.signal_mv)) / lead.sampling_rate_hz
        wanted = np.interp(at_s, np.arange(5000) / 500, recorded[lead.name])
        return replace(lead, signal_mv=wanted.astype(lead.signal_mv.dtype))

    exactly = replace(
        leads,
        leads={name: exact(lead) for name, lead in leads.leads.items()},
        rhythm=tuple(exact(lead) for lead in leads.rhythm),
    )
    return measure(exactly).values


@pytest.mark.parametrize("scheme", ["MDC", "SCPECG", "decimal", "name", "LOINC", "label"])
def test_leads_are_known_by_code_or_by_name(scheme: str, signals: Any) -> None:
    usual = decode(as_bytes(waveform_dataset(signals))).pages[0]
    assert np.array_equal(decode(as_bytes(waveform_dataset(signals, scheme=scheme))).pages[0], usual)


@pytest.mark.parametrize(
    "scale",
    [
        {"unit": "mV", "sensitivity": 0.0025},
        {"unit": "V", "sensitivity": 2.5e-6},
        {"sensitivity": 5, "correction": 0.5},
        {"sensitivity": 2.5, "baseline": 300},
        {"syntax": IMPLICIT},
        {"syntax": BIG_ENDIAN},
        {"sop_class": GENERAL_ECG},
        {"leads": tuple(reversed(LEADS))},
    ],
    ids=str,
)
def test_however_it_was_stored_it_is_the_same_page(scale: dict[str, Any], signals: Any) -> None:
    usual = decode(as_bytes(waveform_dataset(signals))).pages[0]
    page = decode(as_bytes(waveform_dataset(signals, **scale))).pages[0]
    # Rounded to another sample, a line may move by a hundredth of a pixel.
    assert np.mean(page != usual) < 0.002


def test_limb_leads_that_were_not_stored_are_computed(signals: Any) -> None:
    eight = ("I", "II", *(f"V{number}" for number in range(1, 7)))
    usual = decode(as_bytes(waveform_dataset(signals))).pages[0]
    page = decode(as_bytes(waveform_dataset(signals, leads=eight))).pages[0]
    # Below the header, which says so.
    assert np.mean(page[290:] != usual[290:]) < 0.005
    assert not np.array_equal(page[:290], usual[:290])


def test_avr_turned_round_is_turned_back(signals: Any) -> None:
    turned = dict(signals) | {"aVR": -signals["aVR"]}
    dataset = waveform_dataset(turned)
    (avr,) = (
        channel
        for channel in dataset.WaveformSequence[0].ChannelDefinitionSequence
        if channel.ChannelSourceSequence[0].CodeValue == "2:62"
    )
    avr.ChannelSourceSequence[0].CodeValue = "2:65"
    avr.ChannelSourceSequence[0].CodeMeaning = "aVR"
    usual = decode(as_bytes(waveform_dataset(signals))).pages[0]
    assert np.mean(decode(as_bytes(dataset)).pages[0] != usual) < 0.002


def test_a_longer_recording_says_that_it_goes_on(signals: Any) -> None:
    longer = {lead: np.tile(signal, 3) for lead, signal in signals.items()}
    assert "recording_shortened" in decode(as_bytes(waveform_dataset(longer))).warnings


def test_an_odd_sampling_rate_changes_nothing_but_the_header(signals: Any) -> None:
    slower = {
        lead: np.interp(np.arange(2501) / 250.25, np.arange(5000) / 500, signal) for lead, signal in signals.items()
    }
    page = decode(as_bytes(waveform_dataset(slower, sampling_hz=250.25))).pages[0]
    rate = next(m.value for m in read_traces(page).measurements.values if m.name == "heart_rate")
    assert rate == pytest.approx(76.4, abs=1)


def test_gaps_are_left_empty(signals: Any) -> None:
    dataset = waveform_dataset(signals)
    group = dataset.WaveformSequence[0]
    samples = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12).copy()
    samples[400:700] = -32768
    group.WaveformData = samples.tobytes()
    assert refusal(as_bytes(dataset)).code == "implausible_waveform"
    group.add_new("WaveformPaddingValue", "OW", struct.pack("<h", -32768))
    page = decode(as_bytes(dataset)).pages[0]
    # 0.8 s to 1.4 s of the rhythm strip, between the pulse's height and the frame's end.
    left, right = 152 + round(0.85 * 196.85), 152 + round(1.35 * 196.85)
    assert (page[1215:1480, left:right].min(axis=2) > 30).all()
    assert (page[1215:1480, right + 40 : right + 140].min(axis=2) < 30).any()


def test_a_recording_shorter_than_a_page_is_refused(signals: Any) -> None:
    short = {lead: signal[:2500] for lead, signal in signals.items()}
    assert refusal(as_bytes(waveform_dataset(short))).code == "recording_too_short"


@pytest.mark.parametrize(
    ("leads", "missing"),
    [(("I", "II", "III"), "V1, V2, V3, V4, V5, V6"), (LEADS[:11], "V6"), (LEADS[1:], "I")],
)
def test_missing_leads_are_named(leads: tuple[str, ...], missing: str, signals: Any) -> None:
    rejected = refusal(as_bytes(waveform_dataset(signals, leads=leads)))
    assert (rejected.code, rejected.detail) == ("too_few_leads", missing)
    assert missing in rejected.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SamplingFrequency": "0"}, "implausible_waveform"),
        ({"SamplingFrequency": "1e300"}, "implausible_waveform"),
        ({"NumberOfWaveformSamples": 2**31}, "damaged_file"),
        ({"NumberOfWaveformSamples": 0}, "damaged_file"),
        ({"NumberOfWaveformChannels": 65535}, "damaged_file"),
        ({"NumberOfWaveformChannels": 0}, "damaged_file"),
        ({"WaveformBitsAllocated": 8}, "damaged_file"),
        ({"WaveformSampleInterpretation": "MB"}, "damaged_file"),
        ({"WaveformData": b"\0\0"}, "damaged_file"),
        ({"ChannelDefinitionSequence": []}, "too_few_leads"),
    ],
    ids=str,
)
def test_a_waveform_that_contradicts_itself_is_refused(change: dict[str, Any], code: str, signals: Any) -> None:
    dataset = waveform_dataset(signals)
    for keyword, value in change.items():
        setattr(dataset.WaveformSequence[0], keyword, value)
    assert refusal(as_bytes(dataset)).code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ChannelSensitivity": "1e300"}, "implausible_waveform"),
        ({"ChannelSensitivity": "5000"}, "implausible_waveform"),
        ({"ChannelSensitivity": None}, "waveform_without_scale"),
        ({"ChannelSensitivityUnitsSequence": []}, "waveform_without_scale"),
        ({"ChannelSensitivityCorrectionFactor": "1e308"}, "implausible_waveform"),
    ],
    ids=str,
)
def test_a_scale_that_cannot_be_is_refused(change: dict[str, Any], code: str, signals: Any) -> None:
    dataset = waveform_dataset(signals)
    for channel in dataset.WaveformSequence[0].ChannelDefinitionSequence:
        for keyword, value in change.items():
            setattr(channel, keyword, value)
    assert refusal(as_bytes(dataset)).code == code


# --- Pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, IMPLICIT, BIG_ENDIAN])
def test_a_secondary_capture_is_its_own_page(syntax: str, photo: NDArray[np.uint8]) -> None:
    found = decode(as_bytes(picture_dataset(photo, syntax=syntax)))
    assert np.array_equal(found.pages[0], photo)
    assert found.warnings == ("may_show_names",)


def test_a_deflated_file_is_read(photo: NDArray[np.uint8]) -> None:
    assert np.array_equal(decode(as_bytes(picture_dataset(photo, syntax=DEFLATED))).pages[0], photo)


def test_a_picture_that_says_it_shows_no_names_is_believed(photo: NDArray[np.uint8]) -> None:
    assert decode(as_bytes(picture_dataset(photo, BurnedInAnnotation="NO"))).warnings == ()


def test_frames_are_pages(photo: NDArray[np.uint8]) -> None:
    found = decode(as_bytes(picture_dataset(photo, frames=3)))
    assert [np.array_equal(page, photo) for page in found.pages] == [True, True, True]


@pytest.mark.parametrize(
    ("syntax", "kind", "options", "tolerance"),
    [(JPEG_BASELINE, "JPEG", {"quality": 95}, 6), (JPEG_2000, "JPEG2000", {"no_jp2": True}, 0)],
)
def test_compressed_pictures_are_read(
    syntax: str, kind: str, options: dict[str, Any], tolerance: int, photo: NDArray[np.uint8]
) -> None:
    frames = [coded(photo, kind, **options), coded(255 - photo, kind, **options)]
    colours = "YBR_FULL_422" if kind == "JPEG" else "RGB"
    first, second = decode(as_bytes(compressed(photo, syntax, frames, photometric=colours))).pages
    assert np.abs(first.astype(int) - photo).max() <= tolerance
    assert np.abs(second.astype(int) - (255 - photo)).max() <= tolerance


@pytest.mark.parametrize("grey", [False, True])
def test_run_lengths_are_read(grey: bool, photo: NDArray[np.uint8]) -> None:
    pixels = photo[..., 0].astype(np.uint16) * 256 if grey else photo
    dataset = picture_dataset(pixels)
    dataset.compress(RLE, encoding_plugin="pydicom")
    page = decode(as_bytes(dataset)).pages[0]
    expected = np.repeat(photo[..., :1], 3, axis=2) if grey else photo
    if grey:
        low, high = int(pixels.min()), int(pixels.max())
        expected = np.repeat(np.round((pixels - low) / (high - low) * 255).astype(np.uint8)[..., None], 3, axis=2)
    assert np.array_equal(page, expected)


@pytest.mark.parametrize(
    ("pixels", "elements", "dark", "bright"),
    [
        (np.uint8, {}, 0, 255),
        (np.uint8, {"photometric": "MONOCHROME1"}, 255, 0),
        (np.uint16, {"WindowCenter": "2048", "WindowWidth": "4096", "BitsStored": 12, "HighBit": 11}, 0, 255),
        (np.uint16, {"WindowCenter": "1048", "WindowWidth": "4096", "RescaleIntercept": "-1000"}, 0, 255),
        (np.int16, {"WindowCenter": "0", "WindowWidth": "4096"}, 128, 255),
        (np.uint16, {}, 0, 255),
        (np.uint8, {"WindowCenter": "nonsense"}, 0, 255),
    ],
    ids=str,
)
def test_grey_is_shown_as_its_window_says(pixels: Any, elements: dict[str, Any], dark: int, bright: int) -> None:
    stored = np.zeros((200, 200), pixels)
    stored[:, 100:] = 255 if pixels is np.uint8 else 4095
    nonsense = elements.get("WindowCenter") == "nonsense"
    dataset = picture_dataset(stored, **({} if nonsense else elements))
    if nonsense:
        dataset.WindowWidth = "1"
        dataset.WindowCenter = "12"
    page = decode(as_bytes(dataset)).pages[0]
    assert (int(page[0, 0, 0]), int(page[0, 199, 0])) == (dark, bright)


def test_a_palette_gives_its_colours() -> None:
    stored = np.zeros((200, 200), np.uint8)
    stored[:, 100:] = 1
    tables = {}
    for colour, values in (("Red", (0, 255)), ("Green", (128, 0)), ("Blue", (0, 64))):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [2, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = np.array(values, "<u2").__mul__(257).tobytes()
    page = decode(as_bytes(picture_dataset(stored, photometric="PALETTE COLOR", **tables))).pages[0]
    assert page[0, 0].tolist() == [0, 128, 0]
    assert page[0, 199].tolist() == [255, 0, 64]


def test_a_compression_that_cannot_be_read_is_named(photo: NDArray[np.uint8]) -> None:
    rejected = refusal(as_bytes(compressed(photo, JPEG_LOSSLESS, [b"\xff\xd8\xff\xd9"])))
    assert rejected.code == "unsupported_compression"
    assert "JPEG Lossless" in rejected.message


def test_an_object_without_anything_to_see_is_named() -> None:
    rejected = refusal(as_bytes(blank("1.2.840.10008.5.1.4.1.1.88.11")))
    assert rejected.code == "unsupported_dicom"
    assert "Basic Text SR" in rejected.message


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"Rows": 65535, "Columns": 65535}, "too_many_pixels"),
        ({"Rows": 50, "Columns": 960}, "too_small"),
        ({"NumberOfFrames": 51}, "too_many_pages"),
        ({"NumberOfFrames": 2**31 - 1}, "too_many_pages"),
        ({"Rows": 400}, "damaged_file"),
        ({"BitsAllocated": 32}, "damaged_file"),
        ({"SamplesPerPixel": 4}, "damaged_file"),
        ({"PhotometricInterpretation": "MUSTERMANN"}, "damaged_file"),
    ],
    ids=str,
)
def test_a_picture_that_contradicts_itself_is_refused(
    elements: dict[str, Any], code: str, photo: NDArray[np.uint8]
) -> None:
    dataset = picture_dataset(photo, frames=51 if elements.get("NumberOfFrames") == 51 else 1)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    assert refusal(as_bytes(dataset)).code == code


def test_a_compressed_frame_larger_than_it_was_announced_is_not_decoded(photo: NDArray[np.uint8]) -> None:
    bomb = coded(np.zeros((4000, 4000, 3), np.uint8), "JPEG")
    assert refusal(as_bytes(compressed(photo, JPEG_BASELINE, [bomb]))).code == "damaged_file"


def test_run_lengths_that_swell_are_cut_off_where_the_picture_ends(photo: NDArray[np.uint8]) -> None:
    # Each pair of bytes stands for 128; a megabyte for 64.
    segment = bytes([129, 7]) * 500_000
    header = struct.pack("<16I", 3, 64, 64 + len(segment), 64 + 2 * len(segment), *[0] * 12)
    page = decode(as_bytes(compressed(photo, RLE, [header + 3 * segment]))).pages[0]
    assert (page == 7).all()


# --- PDF ------------------------------------------------------------------------------------------


def test_every_page_of_an_encapsulated_pdf_is_a_page() -> None:
    found = decode(as_bytes(pdf_dataset(pages=3)))
    assert (found.media_type, len(found.pages), found.warnings) == ("application/dicom", 3, ("may_show_names",))
    assert found.pages[2].shape[1] > found.pages[2].shape[0]


# --- Whose it is -----------------------------------------------------------------------------------


def made_of_every_kind(signals: Any, photo: NDArray[np.uint8]) -> dict[str, bytes]:
    jpeg = coded(photo, "JPEG", comment=b"Mustermann, Erika", quality=90)
    j2k = coded(photo, "JPEG2000", no_jp2=True, comment="Mustermann, Erika")
    late = picture_dataset(photo)
    late.PixelData += b"Mustermann, Erika "
    return {
        "waveform": as_bytes(waveform_dataset(signals)),
        "picture": as_bytes(late),
        "JPEG": as_bytes(compressed(photo, JPEG_BASELINE, [jpeg], photometric="YBR_FULL_422")),
        "JPEG 2000": as_bytes(compressed(photo, JPEG_2000, [j2k])),
        "PDF": as_bytes(pdf_dataset()),
    }


@pytest.mark.parametrize("kind", ["waveform", "picture", "JPEG", "JPEG 2000", "PDF"])
def test_what_is_kept_names_nobody_and_shows_the_same_pages(kind: str, signals: Any, photo: NDArray[np.uint8]) -> None:
    data = made_of_every_kind(signals, photo)[kind]
    assert b"Mustermann" in data
    found = decode(data)
    kept = found.safe_copy
    assert kept is not None
    for secret in SECRETS:
        assert secret.encode() not in kept
    before, after = (pydicom.dcmread(io.BytesIO(file)) for file in (data, kept))
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        assert before[keyword].value != after[keyword].value
        assert str(before[keyword].value).encode() not in kept
    assert not any(element.tag.is_private for element in after.iterall())
    assert after.PatientIdentityRemoved == "YES"
    again = decode(kept)
    assert len(again.pages) == len(found.pages)
    for page, same in zip(found.pages, again.pages, strict=True):
        assert np.array_equal(page, same)


def test_every_element_of_a_kept_file_is_a_number_a_code_or_samples(signals: Any, photo: NDArray[np.uint8]) -> None:
    ours = {"Isoline: made anew from technical elements", "application/pdf", "microvolt", *LEADS}
    ours |= {f"Lead {lead}" for lead in LEADS} | {"MDC", "UCUM", "uV"}
    for data in made_of_every_kind(signals, photo).values():
        kept = decode(data).safe_copy
        assert kept is not None
        for element in pydicom.dcmread(io.BytesIO(kept)).iterall():
            if element.VR in ("LO", "SH", "ST", "LT", "UT", "PN", "DA", "TM", "DT", "UC") and element.value:
                assert str(element.value) in ours or str(element.value).startswith("2:"), element


# --- Hostile files ---------------------------------------------------------------------------------


def test_a_deflated_file_that_swells_is_refused(photo: NDArray[np.uint8]) -> None:
    data = as_bytes(picture_dataset(photo, syntax=DEFLATED))
    start = 144 + struct.unpack_from("<I", data, 140)[0]
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = squeezer.compress(b"\0" * (200 * 2**20)) + squeezer.flush()
    assert refusal(data[:start] + bomb).code == "damaged_file"


def test_sequences_nested_without_end_are_refused() -> None:
    inner = blank("1.2.840.10008.5.1.4.1.1.88.11")
    item = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.ContentSequence = [item]
        item = outer
    inner.ContentSequence = [item]
    assert refusal(as_bytes(inner)).code == "damaged_file"


def test_elements_without_number_are_refused(photo: NDArray[np.uint8]) -> None:
    data = as_bytes(picture_dataset(photo))
    many = b"".join(struct.pack("<HH2sH", 0x7FE1, number % 65536, b"US", 0) for number in range(200_000))
    assert refusal(data + many).code == "damaged_file"


@pytest.mark.parametrize("kind", ["waveform", "picture", "JPEG", "JPEG 2000", "PDF"])
def test_a_file_cut_short_anywhere_is_refused_or_shown(kind: str, signals: Any, photo: NDArray[np.uint8]) -> None:
    data = made_of_every_kind(signals, photo)[kind]
    for share in np.linspace(0.01, 0.99, 12):
        shown_or_refused(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["waveform", "picture", "JPEG", "JPEG 2000", "PDF"])
def test_bytes_changed_at_random_end_in_a_page_or_a_refusal(kind: str, signals: Any, photo: NDArray[np.uint8]) -> None:
    data = made_of_every_kind(signals, photo)[kind]
    dice = random.Random(f"{kind} 7")
    for _ in range(40):
        changed = bytearray(data)
        for _ in range(dice.choice((1, 3, 20))):
            # Most of them among the elements, few in the samples.
            at = dice.randrange(132, min(2500, len(data))) if dice.random() < 0.8 else dice.randrange(len(data))
            changed[at] = dice.randrange(256)
        shown_or_refused(bytes(changed))


def shown_or_refused(data: bytes) -> None:
    """Anything but a page or a refusal with a sentence fails the test."""
    try:
        found = decode(data)
        pages = list(found.pages)
    except PageRejected as rejected:
        problem = rejected
    else:
        assert all((page.dtype, page.ndim, page.shape[2]) == (np.uint8, 3, 3) for page in pages)
        assert found.safe_copy
        return
    assert problem.code
    assert len(problem.message) > 20

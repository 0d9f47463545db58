"""A DICOM waveform → twelve leads in millivolts → a page.

PS3.3, section C.10.9 (Waveform Module) and C.11; lead identifiers: PS3.16, CID 3001.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.errors import PageRejected
from ml.leads.layouts import LEADS
from ml.render import render_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from ml.decode import Page
    from ml.synthetic import Signals

MARK: Final = "RENDERED FROM A DICOM WAVEFORM"
PAGE_S: Final = 10.0
# A tenth of a second less than ten is a full recording to those who count samples.
SHORTEST_S: Final = 9.5
_MOST_CHANNELS: Final = 64
_SAMPLING_HZ: Final = (100.0, 40_000.0)
_DRAWN_HZ: Final = 500
# No heart makes more on the skin; what does has a wrong unit or sensitivity.
_MOST_MV: Final = 50.0
# A lead with larger gaps is no lead.
_MOST_MISSING: Final = 0.1

# ISO/IEEE 11073-10102: I, II, V1 … V6, III, aVR, aVL and aVF, from which the other notations follow. SCP-ECG (EN 1064,
# section 3) has the same numbers.
_NUMBERS: Final = {
    1: "I",
    2: "II",
    **{number + 2: f"V{number}" for number in range(1, 7)},
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}
# aVR turned round, as in the Cabrera order.
_MINUS_AVR: Final = 65
_POTENTIALS_FROM: Final = 2 * 65536 + 256
_BY_TEXT: Final = {lead.casefold(): lead for lead in LEADS}
_MILLIVOLTS: Final = {
    **dict.fromkeys(("nv", "nanovolt"), 1e-6),
    # With the micro sign and with the Greek letter.
    **dict.fromkeys(("uv", "µv", "μv", "microvolt"), 1e-3),
    **dict.fromkeys(("mv", "millivolt"), 1.0),
    **dict.fromkeys(("v", "volt"), 1e3),
}
_SAMPLE_TYPES: Final = {"SB": "i1", "UB": "u1", "SS": "i2", "US": "u2", "SL": "i4", "UL": "u4"}


@dataclass(frozen=True)
class Channel:
    """One recorded lead as it was stored: mV = sign × (sample × sensitivity + baseline)."""

    lead: str
    index: int
    sensitivity_mv: float
    baseline_mv: float


@dataclass(frozen=True)
class Recording:
    """Twelve leads recorded together.

    Attributes:
        sop_class: of the object.
        sampling_hz: samples per second.
        channels: the leads that were stored.
        samples: (samples, channels) as they were stored, in the order of ``channels``, little endian.
        missing_value: the sample that stands for a gap, if there is one.
        signals: lead → mV, (samples,), all twelve; NaN in gaps.
        computed: leads that were not stored but follow from I and II.
    """

    sop_class: str
    sampling_hz: float
    channels: tuple[Channel, ...]
    samples: NDArray[np.generic]
    missing_value: int | None
    signals: Signals
    computed: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sampling_hz


def read(dataset: Dataset) -> Recording:
    """The longest group of channels that has all twelve leads, or I, II and V1 to V6.

    Raises:
        PageRejected: ``too_few_leads``, ``recording_too_short``, ``waveform_without_scale``, ``implausible_waveform``
            or ``damaged_file``.
    """
    best: Recording | None = None
    refusal: PageRejected | None = None
    for group in list(dataset.WaveformSequence)[:16]:
        try:
            found = _recording(dataset, group)
        except PageRejected as rejected:
            refusal = refusal or rejected
            continue
        if best is None or found.duration_s > best.duration_s:
            best = found
    if best is not None:
        if best.duration_s < SHORTEST_S:
            seconds = f"{best.duration_s:.1f}"
            raise PageRejected(
                "recording_too_short",
                f"The recording lasts {seconds} seconds; a page shows ten. Export the ten-second rhythm.",
                detail=seconds,
            )
        return best
    raise refusal or PageRejected("damaged_file", "The DICOM waveform has no channels. Please export it again.")


def draw(recording: Recording) -> tuple[Page, bool]:
    """The first ten seconds as a page: 25 mm/s, 10 mm/mV, four columns and a rhythm strip, marked as drawn.

    Returns:
        The page and whether the recording goes on beyond it.
    """
    rate = recording.sampling_hz
    drawn_hz = round(rate)
    signals = {lead: signal - np.nanmedian(signal) for lead, signal in recording.signals.items()}
    if abs(rate - drawn_hz) > 1e-6 or drawn_hz > 2000:
        drawn_hz = _DRAWN_HZ
        at_s = np.arange(round(min(recording.duration_s, PAGE_S) * drawn_hz)) / drawn_hz
        stored_s = np.arange(len(recording.samples)) / rate
        signals = {lead: np.interp(at_s, stored_s, signal) for lead, signal in signals.items()}
    computed = f"computed from I and II: {', '.join(recording.computed)}" if recording.computed else ""
    header = (f"{rate:g} samples/s, {recording.duration_s:.1f} s recorded, each lead centred on its median", computed)
    page = render_page(
        signals,
        sampling_hz=drawn_hz,
        grid="pink",
        title="ECG",
        header=tuple(line for line in header if line),
        footer="25mm/s  10mm/mV  4*2.5s+1r  no filter  drawn by Isoline from a DICOM waveform",
        mark=MARK,
    )
    return page.image, recording.duration_s > PAGE_S + 0.5


def _recording(dataset: Dataset, group: Dataset) -> Recording:
    rate = float(group.SamplingFrequency)
    if not _SAMPLING_HZ[0] <= rate <= _SAMPLING_HZ[1]:
        raise _implausible()
    samples = _samples(dataset, group)
    padding = _padding(group, samples.dtype)
    channels = tuple(_channels(group, samples.shape[1]))
    signals: Signals = {}
    for channel in channels:
        raw = samples[:, channel.index]
        signal = raw.astype(np.float64) * channel.sensitivity_mv + channel.baseline_mv
        if padding is not None:
            signal[raw == padding] = np.nan
        if np.isnan(signal).mean() <= _MOST_MISSING:
            signals[channel.lead] = signal
    _check_plausible(signals)
    computed = _complete(signals)
    channels = tuple(channel for channel in channels if channel.lead in signals)
    return Recording(
        sop_class=str(dataset.SOPClassUID),
        sampling_hz=rate,
        channels=channels,
        samples=np.ascontiguousarray(samples[:, [channel.index for channel in channels]]),
        missing_value=padding,
        signals={lead: signals[lead] for lead in LEADS},
        computed=computed,
    )


def _samples(dataset: Dataset, group: Dataset) -> NDArray[np.generic]:
    channels, count = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    order = "<" if dataset.original_encoding[1] is not False else ">"
    kind = np.dtype(order + _SAMPLE_TYPES[str(group.WaveformSampleInterpretation)])
    if int(group.WaveformBitsAllocated) != 8 * kind.itemsize or not 0 < channels <= _MOST_CHANNELS or count < 1:
        raise _damaged()
    data = bytes(group.WaveformData)
    if len(data) < channels * count * kind.itemsize:
        raise _damaged()
    flat = np.frombuffer(data, kind, channels * count)
    return flat.reshape(count, channels).astype(kind.newbyteorder("<"))


def _padding(group: Dataset, kind: np.dtype[Any]) -> int | None:
    value = group.get("WaveformPaddingValue")
    if value is None:
        return None
    if isinstance(value, bytes):
        # Written as bytes of the samples' own kind.
        return int(np.frombuffer(value[: kind.itemsize], kind)[0]) if len(value) >= kind.itemsize else None
    return int(value)


def _channels(group: Dataset, count: int) -> Iterator[Channel]:
    seen: set[str] = set()
    for index, definition in enumerate(list(group.ChannelDefinitionSequence)[:count]):
        lead, sign = _lead(definition)
        if lead is None or lead in seen:
            continue
        seen.add(lead)
        unit = sign * _unit_mv(definition)
        correction = _number(definition, "ChannelSensitivityCorrectionFactor", 1.0)
        sensitivity = _number(definition, "ChannelSensitivity", None) * correction
        yield Channel(lead, index, sensitivity * unit, _number(definition, "ChannelBaseline", 0.0) * unit)


def _lead(definition: Dataset) -> tuple[str | None, float]:
    """The lead's name and its sign; codes are believed before texts."""
    texts = [str(definition.get("ChannelLabel", "") or "")]
    for source in list(definition.get("ChannelSourceSequence") or [])[:4]:
        code = str(source.get("CodeValue", "") or source.get("LongCodeValue", "") or "").strip()
        number = _code_number(code)
        if number == _MINUS_AVR:
            return "aVR", -1.0
        if number in _NUMBERS:
            return _NUMBERS[number], 1.0
        texts = [code, str(source.get("CodeMeaning", "") or ""), *texts]
    return next((lead for text in texts if (lead := _named(text))), None), 1.0


def _code_number(code: str) -> int | None:
    """The lead's number in MDC ("2:61"), its decimal notation ("131389") or SCP-ECG ("5.6.3-9-61")."""
    if match := re.fullmatch(r"(?:2:|5\.6\.3-9-)(\d{1,6})", code):
        number = int(match[1])
        return number - 256 if 256 < number < 512 else number
    if match := re.fullmatch(r"13\d{4}", code):
        return int(code) - _POTENTIALS_FROM
    return None


def _named(text: str) -> str | None:
    """The lead that a text names: "I", "Lead I (Einthoven)", "MDC_ECG_LEAD_AVR", "aVF, augmented voltage, foot"."""
    words = [word for word in re.split(r"[^\w]+|_", text.casefold()) if word]
    words = [word for word in words if word not in ("lead", "mdc", "ecg", "elec", "potl", "ch", "channel")]
    return _BY_TEXT.get(words[0]) if words else None


def _unit_mv(definition: Dataset) -> float:
    for unit in list(definition.get("ChannelSensitivityUnitsSequence") or [])[:2]:
        for keyword in ("CodeValue", "CodeMeaning"):
            word = str(unit.get(keyword, "") or "").strip().casefold().rstrip("s")
            if word in _MILLIVOLTS:
                return _MILLIVOLTS[word]
    raise _without_scale()


def _number(definition: Dataset, keyword: str, default: float | None) -> float:
    value = definition.get(keyword)
    if value is None or value == "":
        if default is None:
            raise _without_scale()
        return default
    number = float(value)
    if not np.isfinite(number):
        raise _implausible()
    return number


def _check_plausible(signals: Signals) -> None:
    for signal in signals.values():
        swing = signal - np.nanmedian(signal)
        if np.isinf(swing).any() or float(np.nanmax(np.abs(swing))) > _MOST_MV:
            raise _implausible()


def _complete(signals: Signals) -> tuple[str, ...]:
    """Add the limb leads that follow from I and II by Einthoven's and Goldberger's equations."""
    computed: tuple[str, ...] = ()
    if "I" in signals and "II" in signals:
        first, second = signals["I"], signals["II"]
        follow = {
            "III": second - first,
            "aVR": -(first + second) / 2,
            "aVL": first - second / 2,
            "aVF": second - first / 2,
        }
        computed = tuple(lead for lead in follow if lead not in signals)
        signals.update({lead: follow[lead] for lead in computed})
    missing = ", ".join(lead for lead in LEADS if lead not in signals)
    if missing:
        raise PageRejected(
            "too_few_leads",
            f"The recording lacks leads: {missing}. Isoline reads twelve leads recorded together.",
            detail=missing,
        )
    return computed


def _without_scale() -> PageRejected:
    return PageRejected(
        "waveform_without_scale", "The recording does not say how many millivolts its samples are. Export it as a PDF."
    )


def _implausible() -> PageRejected:
    return PageRejected(
        "implausible_waveform",
        "The recording's numbers cannot be those of an ECG: its sampling rate, unit or sensitivity is wrong.",
    )


def _damaged() -> PageRejected:
    return PageRejected(
        "damaged_file", "The DICOM waveform is damaged or cut short and cannot be drawn. Please export it again."
    )

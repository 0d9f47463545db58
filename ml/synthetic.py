"""Twelve leads of a made-up heart: a moving dipole seen from twelve sides.

The beat is the sum-of-Gaussians model of McSharry et al. ("A dynamical model for generating synthetic
electrocardiogram signals", IEEE Trans. Biomed. Eng. 50(3):289-294, 2003), carried from one lead to three dimensions
as in Sameni et al. ("Multichannel ECG and noise modeling", EURASIP J. Adv. Signal Process. 2007:043407): every wave is
a Gaussian in time whose amplitude is a vector on the Frank axes. The leads are that vector seen through the
transform of Dower et al. ("On deriving the electrocardiogram from vectorcardiographic leads", Clin. Cardiol.
3:87-95, 1980), so that they agree with one another as a patient's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Collection

Signals: TypeAlias = dict[str, NDArray[np.float64]]
Rhythm: TypeAlias = Literal["regular", "irregular"]


# Rows: I, II, V1 … V6. Columns: Frank X (to the left), Y (to the feet), Z (to the back).
_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)


@dataclass(frozen=True)
class Wave:
    """One Gaussian of a beat.

    Attributes:
        centre_s: time of the peak after the R wave, at a heart rate of 60/min.
        width_s: standard deviation in time.
        dipole_mv: amplitude on the Frank axes X, Y, Z.
        follows_rate: whether the wave moves with the square root of the RR interval (repolarisation does, by Bazett).
    """

    centre_s: float
    width_s: float
    dipole_mv: tuple[float, float, float]
    follows_rate: bool = False


P_WAVE = Wave(-0.160, 0.022, (0.10, 0.10, -0.02))
QRS_T: tuple[Wave, ...] = (
    Wave(-0.024, 0.009, (-0.14, -0.06, -0.34)),
    Wave(0.000, 0.012, (1.15, 0.88, 0.34)),
    Wave(0.022, 0.012, (-0.24, -0.20, 0.56)),
    Wave(0.290, 0.046, (0.36, 0.24, -0.20), follows_rate=True),
)
ECTOPIC: tuple[Wave, ...] = (
    Wave(-0.010, 0.030, (-0.90, 0.75, -0.55)),
    Wave(0.055, 0.032, (0.25, -0.35, 0.60)),
    Wave(0.320, 0.065, (0.50, -0.42, 0.30), follows_rate=True),
)

# What a finding adds to every normal beat. Made for pages that look right, not for teaching or for training truth.
FINDINGS: dict[str, tuple[Wave, ...]] = {
    "anterior_st_elevation": (Wave(0.140, 0.055, (0.10, 0.00, -0.26)), Wave(0.240, 0.050, (0.05, 0.0, -0.15), True)),
    "inferior_st_elevation": (Wave(0.140, 0.055, (-0.05, 0.30, 0.10)), Wave(0.240, 0.050, (-0.05, 0.15, 0.05), True)),
    "anterior_q_waves": (Wave(-0.022, 0.012, (-0.25, 0.00, 0.80)),),
    "inferior_q_waves": (Wave(-0.022, 0.012, (0.05, -0.55, 0.05)),),
    "lateral_t_inversion": (Wave(0.290, 0.046, (-0.62, -0.10, 0.05), True),),
    "ventricular_ectopics": (),
}


def synthetic_signals(
    seed: int,
    *,
    heart_rate_bpm: float = 72.0,
    rhythm: Rhythm = "regular",
    findings: Collection[str] = (),
    duration_s: float = 10.0,
    sampling_hz: int = 500,
    noise_mv: float = 0.008,
) -> Signals:
    """Make twelve leads that are consistent with one another.

    Args:
        seed: the same seed gives the same signals.
        heart_rate_bpm: mean ventricular rate, 30 to 220.
        rhythm: ``"regular"`` is sinus rhythm with slight respiratory variation; ``"irregular"`` has no P waves, a
            fibrillating baseline and RR intervals without order, as atrial fibrillation has.
        findings: names from `FINDINGS`, added to every beat (``ventricular_ectopics`` replaces some beats).
        duration_s: length of the recording.
        sampling_hz: samples per second.
        noise_mv: standard deviation of the muscle noise on each measured lead.

    Returns:
        Lead name → signal in mV, shape ``(duration_s * sampling_hz,)``. III, aVR, aVL and aVF are computed from
        I and II, so Einthoven's and Goldberger's equations hold exactly.

    Raises:
        ValueError: for an unknown finding or a heart rate outside the range.
    """
    unknown = set(findings) - set(FINDINGS)
    if unknown:
        raise ValueError(f"unknown findings: {', '.join(sorted(unknown))}")
    if not 30 <= heart_rate_bpm <= 220:
        raise ValueError("heart_rate_bpm must be between 30 and 220")
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * sampling_hz)) / sampling_hz
    beats_s = _beat_times(rng, 60.0 / heart_rate_bpm, rhythm, duration_s)
    dipole = _dipole(rng, time_s, beats_s, rhythm, findings)
    measured = _DOWER @ dipole
    measured *= rng.normal(1.0, 0.05, (len(measured), 1))  # electrodes never sit exactly where the transform has them
    measured += _baseline(rng, time_s, len(measured)) + rng.normal(0.0, noise_mv, measured.shape)
    return twelve_leads(measured)


def _beat_times(rng: np.random.Generator, mean_rr_s: float, rhythm: Rhythm, duration_s: float) -> NDArray[np.float64]:
    """Times of the R waves, from one beat before the recording to one beat after it."""
    times = [-float(rng.uniform(0.2, 1.0)) * mean_rr_s]
    phase = rng.uniform(0, 2 * np.pi, 2)
    while times[-1] < duration_s + mean_rr_s:
        if rhythm == "irregular":
            rr_s = float(np.clip(mean_rr_s * rng.gamma(20.0, 1 / 20.0), 0.25, 2.2))
        else:
            # Mayer waves at 0.1 Hz and breathing at 0.25 Hz: the two peaks of the RR spectrum in McSharry et al.
            swing = 0.015 * np.sin(2 * np.pi * 0.1 * times[-1] + phase[0])
            swing += 0.02 * np.sin(2 * np.pi * 0.25 * times[-1] + phase[1])
            rr_s = mean_rr_s * (1 + float(swing) + float(rng.normal(0, 0.004)))
        times.append(times[-1] + rr_s)
    return np.array(times)


def _dipole(
    rng: np.random.Generator,
    time_s: NDArray[np.float64],
    beats_s: NDArray[np.float64],
    rhythm: Rhythm,
    findings: Collection[str],
) -> NDArray[np.float64]:
    """The heart's dipole over time, shape (3, samples), in mV on the Frank axes."""
    axis = _small_rotation(rng)
    size = rng.uniform(0.85, 1.15)
    extra = tuple(wave for name in sorted(findings) for wave in FINDINGS[name])
    ectopic = _ectopic_beats(rng, len(beats_s)) if "ventricular_ectopics" in findings else frozenset[int]()
    dipole = np.zeros((3, len(time_s)))
    rr_s = np.append(np.diff(beats_s), beats_s[-1] - beats_s[-2])
    for beat, r_time_s in enumerate(beats_s):
        early_s = 0.0
        if beat in ectopic:
            waves, early_s = ECTOPIC, 0.3 * rr_s[beat - 1]
        elif rhythm == "irregular":
            waves = QRS_T + extra
        else:
            waves = (P_WAVE, *QRS_T, *extra)
        # A wave belongs to the interval before it; a beat's own rate adapts its repolarisation.
        stretch = float(np.sqrt(rr_s[max(beat - 1, 0)]))
        for wave in waves:
            centre_s = r_time_s - early_s + wave.centre_s * (stretch if wave.follows_rate else 1.0)
            width_s = wave.width_s * (stretch if wave.follows_rate else 1.0)
            shape = np.exp(-0.5 * ((time_s - centre_s) / width_s) ** 2)
            dipole += np.outer(np.array(wave.dipole_mv), shape)
    if rhythm == "irregular":
        dipole += _fibrillation(rng, time_s)
    result: NDArray[np.float64] = size * (axis @ dipole)
    return result


def _ectopic_beats(rng: np.random.Generator, beats: int) -> frozenset[int]:
    """About one beat in five, never two in a row, never the first."""
    chosen: list[int] = []
    for beat in range(2, beats - 1):
        if rng.random() < 0.25 and (not chosen or beat - chosen[-1] > 1):
            chosen.append(beat)
    return frozenset(chosen or [2])


def _fibrillation(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fibrillatory waves at 4 to 8 Hz, largest towards V1."""
    wave = np.zeros_like(time_s)
    for _ in range(6):
        wave += rng.uniform(0.3, 1.0) * np.sin(2 * np.pi * rng.uniform(4, 8) * time_s + rng.uniform(0, 2 * np.pi))
    return np.outer(np.array([-0.012, 0.018, -0.022]), wave)


def _small_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation of the heart in the chest of some ten degrees, as Rodrigues' formula gives it."""
    angle = rng.normal(0.0, np.radians(8), 3)
    length = float(np.linalg.norm(angle))
    unit = angle / length
    cross = np.array([[0, -unit[2], unit[1]], [unit[2], 0, -unit[0]], [-unit[1], unit[0], 0]])
    rotation: NDArray[np.float64] = np.eye(3) + np.sin(length) * cross + (1 - np.cos(length)) * (cross @ cross)
    return rotation


def _baseline(rng: np.random.Generator, time_s: NDArray[np.float64], leads: int) -> NDArray[np.float64]:
    """Slow wander from breathing, a little different on each lead, in mV."""
    wander = np.zeros((leads, len(time_s)))
    for frequency_hz in (0.15, 0.25, 0.4):
        phase = rng.uniform(0, 2 * np.pi, (leads, 1))
        wander += rng.normal(0, 0.012, (leads, 1)) * np.sin(2 * np.pi * frequency_hz * time_s + phase)
    return wander


def twelve_leads(measured: NDArray[np.float64]) -> Signals:
    """All twelve leads from the eight that a machine measures.

    Args:
        measured: I, II, V1 … V6, shape (8, samples), in mV, made up or recorded.

    Returns:
        Lead name → signal, shape (samples,). III, aVR, aVL and aVF follow from I and II by Einthoven's and
        Goldberger's equations.
    """
    lead_i, lead_ii = measured[0], measured[1]
    chest = {f"V{number}": measured[number + 1] for number in range(1, 7)}
    return {
        "I": lead_i,
        "II": lead_ii,
        "III": lead_ii - lead_i,
        "aVR": -(lead_i + lead_ii) / 2,
        "aVL": lead_i - lead_ii / 2,
        "aVF": lead_ii - lead_i / 2,
        **chest,
    }

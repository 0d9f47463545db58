"""Stable codes in words a person can act on: the one place where they are written and translated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ml.decode import MAX_BYTES, MAX_PIXELS

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from diagnosis.models import Diagnosis, Explanation

    Sentence = str | Promise

MAX_MEGABYTES: Final = MAX_BYTES // 2**20
MAX_MEGAPIXELS: Final = MAX_PIXELS // 1_000_000

# Why a file is not taken in.
REFUSALS: Final[dict[str, Sentence]] = {
    "empty_file": _("The file is empty. Choose the scan, photo or PDF again."),
    "file_too_large": format_lazy(
        _("The file is larger than {limit} MB. Save it smaller, for example as JPEG, and upload it again."),
        limit=MAX_MEGABYTES,
    ),
    "unsupported_type": _(
        "This is not a JPEG, PNG, TIFF, WebP, PDF or DICOM file, whatever its name says. "
        "Export the ECG page as one of these."
    ),
    "damaged_file": _("The file is damaged or cut short and cannot be opened. Scan or export it again."),
    "too_many_pixels": format_lazy(
        _("The picture has more than {limit} megapixels. Scan at 200 to 300 dpi and upload it again."),
        limit=MAX_MEGAPIXELS,
    ),
    "too_small": _("The picture is too small to read. Scan or photograph the whole page at a higher resolution."),
    "encrypted_pdf": _("The PDF is protected by a password. Save it without protection and upload it again."),
    "too_many_pages": _("The file has too many pages. Split it into smaller files and upload them one by one."),
    "waveform_without_scale": _(
        "The recording does not say how many millivolts its samples are. Export the ECG as a PDF or picture instead."
    ),
    "implausible_waveform": _(
        "The recording's numbers cannot be those of an ECG: its sampling rate, unit or sensitivity is wrong. "
        "Export the ECG as a PDF or picture instead."
    ),
    "recorded_at_implausible": _("An ECG cannot have been recorded then. Check the day and the time of recording."),
    "patient_reference_too_long": _("The patient reference is too long. Use at most 64 characters."),
    "patient_reference_invalid": _(
        "The patient reference contains characters that cannot be shown. Type it in instead of pasting it."
    ),
    "note_too_long": _("The note is too long. Use at most 2000 characters."),
    "no_site": _("You do not belong to any site yet. Ask an administrator to add you to your hospital or department."),
    "site_not_allowed": _("You may not upload pages for this site. Choose one of your own sites."),
    "site_inactive": _("This site no longer accepts pages. Choose another site or ask an administrator."),
}

# The same, of files of which something has to be named.
REFUSALS_NAMING: Final[dict[str, Sentence]] = {
    "unsupported_dicom": _(
        "This DICOM object holds neither an ECG waveform nor a picture nor a PDF (it is: {detail}). "
        "Export one of these."
    ),
    "unsupported_compression": _(
        "The picture in this DICOM file is compressed in a way that cannot be read here ({detail}). "
        "Export it uncompressed or as JPEG."
    ),
    "too_few_leads": _(
        "The recording lacks leads: {detail}. Isoline reads twelve leads recorded together, or I, II and V1 to V6."
    ),
    "recording_too_short": _("The recording lasts {detail} seconds; a page shows ten. Export the ten-second rhythm."),
}

# Why a page that was taken in could not be read.
REJECTIONS: Final[dict[str, Sentence]] = {
    "not_an_ecg_page": _(
        "This does not look like an ECG page. Upload the whole page, flat and sharp, with its grid and all leads."
    ),
    "too_dark": _(
        "The picture is too dark to tell whether it shows an ECG. Photograph the page in even light, or scan it."
    ),
    "too_blurred": _(
        "The picture is too blurred to tell whether it shows an ECG. Photograph the page in focus, or scan it."
    ),
    "page_on_its_side": _(
        "The page seems to lie on its side. Turn it so that the traces run from left to right, and upload it again."
    ),
    "upload_deleted": _("The page was deleted before it was read."),
}

# Why the traces of a page were not read; the network's answer stands without them.
UNREAD_TRACES: Final[dict[str, Sentence]] = {
    "no_traces": _("No traces were found that could be told apart, so nothing was measured."),
    "layout_unknown": _("The arrangement of the leads on this page is not known to Isoline, so nothing was measured."),
    "scale_unknown": _("Neither grid nor calibration pulse give the scale of this page, so nothing was measured."),
    "traces_unclear": _("The traces could not be told apart reliably, so nothing was measured."),
    "cut_off": _(
        "The traces seem to run on beyond the picture's edge, and what is left fits no arrangement of leads. "
        "Scan the whole page."
    ),
    "too_distorted": _("The page is seen too steeply to measure on it. Photograph it from straight above, or scan it."),
    "internal_error": _("The traces could not be read because of an error on our side, so nothing was measured."),
}

# Why a reading failed for reasons that are not the page's sender's.
FAILURES: Final[dict[str, Sentence]] = {
    "worker_lost": _(
        "Reading this page stopped the reader several times, so it was given up. "
        "Scan or export the page again as JPEG or PNG; if that fails too, tell an administrator."
    ),
    "timed_out": _(
        "Reading this page took too long, so it was given up. "
        "Upload a smaller scan (200 to 300 dpi); if that fails too, tell an administrator."
    ),
    "internal_error": _(
        "The page could not be read because of an error on our side. "
        "Have it read again; if that fails too, tell an administrator. The page is kept."
    ),
    "page_missing": _("The stored picture of this page is missing. Upload the page again or tell an administrator."),
    "no_active_model": _(
        "No model is active, so the page was not read. "
        "Ask an administrator to activate one and to have the page read again; the page is kept."
    ),
    "model_unavailable": _(
        "The active model is damaged or missing, so the page was not read. "
        "Ask an administrator to install it anew and to have the page read again; the page is kept."
    ),
}

# Why there is no explanation where one was asked for.
NO_EXPLANATION: Final[dict[str, Sentence]] = {
    "not_done": _("Only a page that was read can be explained. Wait until its reading is done."),
    "too_many_waiting": _("Too many of your explanations are still waiting. Try again when some of them are done."),
    "unknown_method": _("The model that read this page cannot be explained by this method. Choose one from the list."),
    "unknown_label": _("The model that read this page does not know this class. Choose one of its classes."),
    "upload_deleted": _("The page was deleted before it was explained."),
    "model_gone": _(
        "The model that read this page is damaged or no longer installed, and no other can explain its answer. "
        "Ask an administrator to put it back, then try again."
    ),
    "worker_lost": _(
        "Explaining this page stopped the worker several times, so it was given up. "
        "Choose another method; if that fails too, tell an administrator."
    ),
    "timed_out": _("This explanation took too long, so it was given up. Choose another method."),
    "page_missing": _("The stored picture of this page is missing. Tell an administrator."),
    "internal_error": _(
        "The page could not be explained because of an error on our side. "
        "Try again; if that fails too, tell an administrator."
    ),
}

# What the reader of a result should know about how it came about.
WARNINGS: Final[dict[str, Sentence]] = {
    "grid_not_found": _("No ECG grid was found; the area around the trace was read instead. Check the crop."),
    "limb_leads_disagree": _(
        "The limb leads contradict one another: an electrode may have been off or swapped, or a lead was misread."
    ),
    "rhythm_lead_by_trace": _("The rhythm strip shows another lead than is usual; it is named by what it shows."),
    "traces_unread": _(
        "The traces could not be read as signals. This answer rests on the look of the page alone and is less reliable."
    ),
    "rendered_from_waveform": _(
        "Rendered from a DICOM waveform: Isoline drew this page from the recording; no machine printed it so."
    ),
    "recording_shortened": _("The recording is longer than the page: only its first ten seconds are shown and read."),
    "may_show_names": _(
        "The picture in the DICOM file may show names: what is drawn into it cannot be taken out. "
        "Look before you share it."
    ),
    "unlike_training_pages": _(
        "These traces are unlike those the model was trained on. Treat its answer with more than the usual doubt."
    ),
}


def refusal(code: str, fallback: str = "", detail: str = "") -> str:
    """Why a file was refused, as a sentence; the fallback serves codes these tables do not know yet."""
    if detail and code in REFUSALS_NAMING:
        return str(REFUSALS_NAMING[code]).format(detail=detail)
    return str(REFUSALS.get(code) or fallback or gettext("The file could not be accepted."))


def reason(code: str, fallback: str = "") -> str:
    """Why a diagnosis ended without a result, as a sentence."""
    sentence = REJECTIONS.get(code) or FAILURES.get(code) or REFUSALS.get(code)
    return str(sentence or fallback or gettext("The page could not be read."))


def no_explanation(code: str, fallback: str = "") -> str:
    """Why there is no explanation, as a sentence."""
    return str(NO_EXPLANATION.get(code) or fallback or NO_EXPLANATION["internal_error"])


def warning(code: str) -> str:
    """What a warning code means, as a sentence."""
    return str(WARNINGS.get(code, code.replace("_", " ")))


def describe(diagnosis: Diagnosis) -> str:
    """Why this diagnosis has no result, in the reader's language; empty while it runs and where it has one."""
    if diagnosis.state not in (diagnosis.State.REJECTED, diagnosis.State.FAILED):
        return ""
    return reason(diagnosis.reason, diagnosis.message)


def describe_explanation(explanation: Explanation) -> str:
    """Why this explanation failed, in the reader's language; empty while it runs and where it is done."""
    failed = explanation.state == explanation.State.FAILED
    return no_explanation(explanation.reason, explanation.message) if failed else ""


def unread_traces(code: str) -> str:
    """Why nothing was measured on a page."""
    return str(UNREAD_TRACES.get(code, UNREAD_TRACES["internal_error"]))

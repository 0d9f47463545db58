"""The shipped trace network on pages: who answers, how sure it is, and what its explanations add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import DEFAULT_BUNDLE, read_manifest
from ml.errors import BundleCorrupt, PageRejected
from ml.explain.explainer import Explainer
from ml.leads.layouts import LEADS
from ml.page import Crop, find_ecg
from ml.predictor import PICTURE, TRACES, TRACES_UNREAD, UNLIKE_TRAINING, Predictor
from ml.trace_network.nearness import Nearness
from ml.trace_network.placement import lead_shares, leads_on_page, on_page
from ml.trace_network.relevance import Relevance
from ml.trace_network.serving import TraceNetwork
from ml.trace_network.views import BEAT_TIMES_S, MEASURED, STRIP_SAMPLES, batch, nothing_seen, views_of
from ml.traces import Traces, read_traces

if TYPE_CHECKING:
    from ml.render import RenderedPage


@pytest.fixture(scope="module")
def network() -> TraceNetwork:
    return TraceNetwork.load(read_manifest(DEFAULT_BUNDLE))


@pytest.fixture(scope="module")
def traces(rendered: RenderedPage) -> Traces:
    return read_traces(rendered.image)


def test_a_page_with_legible_traces_is_answered_from_them(predictor: Predictor, rendered: RenderedPage) -> None:
    found = predictor.read(rendered.image)
    assert found.source == TRACES
    assert found.label in found.possible
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert found.second_opinion is not None
    assert sum(found.second_opinion.values()) == pytest.approx(1, abs=1e-5)
    assert found.traces is not None
    assert found.traces.leads.layout == "4x2.5"
    assert set(found.lead_shares) == set(LEADS)
    assert 0 < sum(found.lead_shares.values()) <= 1 + 1e-6
    assert found.attribution.max() == pytest.approx(1, abs=1e-6)
    assert found.method == "trace_relevance"


def test_where_the_traces_cannot_be_read_the_picture_answers_and_says_so(
    predictor: Predictor, rendered: RenderedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml import predictor as module
    from ml.leads import LeadsUnreadable

    def refuses(*_: object) -> None:
        raise LeadsUnreadable("layout_unknown", "…")

    def breaks(*_: object) -> None:
        raise RuntimeError("defect")

    for reader, code in ((refuses, "layout_unknown"), (breaks, "internal_error")):
        monkeypatch.setattr(module, "read_traces", reader)
        found = predictor.read(rendered.image)
        assert (found.source, found.unread) == (PICTURE, code)
        assert TRACES_UNREAD in found.warnings
        assert (found.second_opinion, found.traces, found.possible) == (None, None, ())
        assert found.method == "grad_cam"


def test_no_answer_is_wasted_on_what_is_no_page(predictor: Predictor) -> None:
    with pytest.raises(PageRejected):
        predictor.read(np.full((700, 1000, 3), 255, np.uint8))


def test_relevance_adds_up_to_the_logit(network: TraceNetwork, traces: Traces) -> None:
    views, blank = views_of(traces.leads, traces.examined), nothing_seen()
    logits = network.logits(batch([views, blank]))
    for label in range(logits.shape[1]):
        difference = logits[0, label] - logits[1, label]
        spread = np.abs(logits[0] - logits[1]).max()
        assert network.read(views, label).relevance.total() == pytest.approx(difference, abs=0.25 * spread)


def test_a_page_unlike_all_others_needs_more_to_be_answered(traces: Traces) -> None:
    loaded = TraceNetwork.load(read_manifest(DEFAULT_BUNDLE))
    views = views_of(traces.leads, traces.examined)
    usual = loaded.read(views)
    near = loaded._nearness
    loaded._nearness = Nearness(near.known, near.usual, farthest=0.0)
    far = loaded.read(views)
    assert far.unlike
    assert far.distance == usual.distance
    threshold = loaded._rules.calibration.threshold
    assert far.sure == (far.probabilities.max() >= (1 + threshold) / 2)
    assert loaded.read(nothing_seen()).unlike


def test_the_warning_reaches_the_finding(predictor: Predictor, rendered: RenderedPage) -> None:
    network = predictor._trace_network
    assert network is not None
    before = network._nearness
    network._nearness = Nearness(before.known, before.usual, farthest=0.0)
    try:
        assert UNLIKE_TRAINING in predictor.read(rendered.image).warnings
    finally:
        network._nearness = before


def test_evidence_is_laid_where_the_lead_is(rendered: RenderedPage, traces: Traces) -> None:
    crop = find_ecg(rendered.image).crop
    beats = np.zeros((len(LEADS), len(BEAT_TIMES_S)), np.float32)
    beats[LEADS.index("V2")] = 1.0
    only_v2 = Relevance(beats, np.zeros(STRIP_SAMPLES, np.float32), np.zeros(len(MEASURED), np.float32))
    assert lead_shares(only_v2) == pytest.approx({lead: float(lead == "V2") for lead in LEADS})
    for found in (
        on_page(only_v2, traces.leads, traces.measurements, crop),
        leads_on_page(only_v2, traces.leads, crop),
    ):
        _lies_on(found, "V2", traces, crop)
    nothing = replace(only_v2, beats=np.zeros_like(beats))
    assert not on_page(nothing, traces.leads, traces.measurements, crop).any()
    assert not leads_on_page(nothing, traces.leads, crop).any()


def _lies_on(found: np.ndarray, lead: str, traces: Traces, crop: Crop) -> None:
    path = traces.leads.leads[lead].path
    path = path[np.isfinite(path).all(axis=1)]
    height, width = found.shape
    rows, columns = np.nonzero(found > 0.3)
    x, y = crop.x + columns / width * crop.width, crop.y + rows / height * crop.height
    margin = 4 * traces.leads.px_per_mm
    assert x.min() > path[:, 0].min() - margin
    assert x.max() < path[:, 0].max() + margin
    assert y.min() > path[:, 1].min() - margin
    assert y.max() < path[:, 1].max() + margin


@pytest.mark.parametrize("method", ["trace_relevance", "lead_occlusion"])
def test_any_class_can_be_explained_on_the_traces(rendered: RenderedPage, method: str) -> None:
    explainer = Explainer.load(DEFAULT_BUNDLE)
    maps = {label: explainer.explain(rendered.image, method, label=label) for label in ("normal", "mi")}
    assert all(one.label == label and one.method == method for label, one in maps.items())
    assert all(set(one.details) == set(LEADS) or not one.details for one in maps.values())
    assert not np.array_equal(maps["normal"].attribution, maps["mi"].attribution)
    assert explainer.explain(rendered.image, method).label in explainer.identity.classes


def test_traces_that_cannot_be_read_cannot_be_explained(
    rendered: RenderedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.leads import LeadsUnreadable
    from ml.trace_network import explain

    def refuses(*_: object) -> None:
        raise LeadsUnreadable("layout_unknown", "…")

    monkeypatch.setattr(explain, "read_traces", refuses)
    with pytest.raises(PageRejected, match="…"):
        Explainer.load(DEFAULT_BUNDLE).explain(rendered.image, "trace_relevance")


def test_a_network_for_other_views_is_refused() -> None:
    manifest = read_manifest(DEFAULT_BUNDLE)
    assert manifest.traces is not None
    with pytest.raises(BundleCorrupt, match="version"):
        TraceNetwork.load(replace(manifest, traces=replace(manifest.traces, views_version=99)))
    with pytest.raises(BundleCorrupt):
        TraceNetwork.load(replace(manifest, traces=None))

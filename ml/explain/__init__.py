"""Methods that show where on the page a network found its evidence: one file each, one registry.

Importing this package costs nothing: no TensorFlow, no Keras. `ml.explain.explainer` runs the methods,
`ml.explain.faithfulness` says how far each may be believed for one model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Method:
    """A way to explain an answer, known by name.

    Attributes:
        name: stable identifier.
        title: as people write it.
        module: dotted module whose ``attribute`` computes the map; imported only when used.
        summary: one plain sentence for clinicians: what the map shows, and what not.
        source: paper or library.
        architectures: names of the networks it works for; None means every network.
    """

    name: str
    title: str
    module: str
    summary: str
    source: str
    architectures: tuple[str, ...] | None = None

    def applies_to(self, architecture: str) -> bool:
        """Whether networks of this architecture have what the method needs."""
        return self.architectures is None or architecture in self.architectures


METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        Method(
            name="grad_cam",
            title="Grad-CAM",
            module="ml.explain.grad_cam",
            summary="Regions whose features speak for the class, as coarse patches; it cannot point at a single wave.",
            source="Selvaraju et al. 2017, arXiv:1610.02391; tf-keras-vis",
        ),
        Method(
            name="grad_cam_plus_plus",
            title="Grad-CAM++",
            module="ml.explain.grad_cam_plus_plus",
            summary="Like Grad-CAM, but better where the evidence repeats from beat to beat; just as coarse.",
            source="Chattopadhay et al. 2018, arXiv:1710.11063; tf-keras-vis",
        ),
        Method(
            name="score_cam",
            title="Score-CAM",
            module="ml.explain.score_cam",
            summary="Regions that on their own, with the rest of the page blanked, keep the class probable; coarse, "
            "and it says nothing about evidence against the class.",
            source="Wang et al. 2020, arXiv:1910.01279",
        ),
        Method(
            name="saliency",
            title="Saliency (SmoothGrad)",
            module="ml.explain.saliency",
            summary="Places where a small change of the print would change the answer most, for or against the class.",
            source="Simonyan et al. 2014, arXiv:1312.6034; Smilkov et al. 2017, arXiv:1706.03825",
        ),
        Method(
            name="integrated_gradients",
            title="Integrated gradients",
            module="ml.explain.integrated_gradients",
            summary="Print that raised the class's score compared with blank paper; what lowered it is not shown.",
            source="Sundararajan et al. 2017, arXiv:1703.01365",
        ),
        Method(
            name="lime",
            title="LIME",
            module="ml.explain.lime",
            summary="Pieces of trace or paper whose removal lowers the class's score, by a simple model fitted to many "
            "altered copies of the page; other copies give a slightly different map.",
            source="Ribeiro et al. 2016, arXiv:1602.04938",
        ),
        Method(
            name="spatial_attention",
            title="Spatial attention",
            module="ml.explain.spatial_attention",
            summary="Where the network's own attention layers let most through, the same for every class; attention is "
            "not evidence.",
            source="Woo et al. 2018, arXiv:1807.06521",
            architectures=("efficientnet_b0_msa", "efficientnet_lite0_msa"),
        ),
    )
}

# For answers of the network that reads signals (`ml.trace_network.explain`); those above are for networks that see
# pictures.
TRACE_METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        Method(
            name="trace_relevance",
            title="Evidence on the traces",
            module="ml.trace_network.explain",
            summary="Stretches of trace that raised the class's score, compared with a page on which nothing was read; "
            "what measurements such as the heart rate added has no place on the page and is not shown.",
            source="integrated gradients, Sundararajan et al. 2017, arXiv:1703.01365",
        ),
        Method(
            name="lead_occlusion",
            title="Leads left out",
            module="ml.trace_network.explain",
            summary="Leads without which, and without what was measured on them, the class's score falls; it cannot "
            "say where in the beat.",
            source="occlusion, Zeiler and Fergus 2014, arXiv:1311.2901",
        ),
    )
}

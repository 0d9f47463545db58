"""TensorFlow's compiled pass as an ONNX or LiteRT file, its Grad-CAM included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ml.export import ExportFailed
from ml.export.runtimes import OUTPUTS, PAGE

if TYPE_CHECKING:
    from ml.export.formats import Format

# Read by ONNX Runtime 1.12 (2022) and everything after it.
OPSET: Final = 17


def convert(graph: Any, form: Format) -> bytes:
    """Convert a compiled pass.

    Args:
        graph: from `ml.compiled_pass.graph_of`.
        form: what to convert it to.

    Returns:
        The file's bytes: input ``page`` (1, H, W, 1), outputs ``probabilities`` (classes,) and ``attribution`` (h, w).

    Raises:
        ExportFailed: the converter is not installed, or knows no counterpart for some of the network's operations.
    """
    try:
        portable = _portable(graph)
        return _to_onnx(portable) if form.runtime == "onnx" else _to_litert(portable, form.precision)
    except ImportError as error:
        raise ExportFailed(f"converting to {form.title} needs requirements-lab.txt: {error}") from error
    # Converters raise whatever their innards raise.
    except Exception as error:
        raise ExportFailed(f"the network cannot be converted to {form.title}: {error}") from error


def _to_onnx(portable: Any) -> bytes:
    import tf2onnx  # type: ignore[import-untyped]

    converted, _ = tf2onnx.convert.from_function(portable, portable.input_signature, opset=OPSET)
    file: bytes = converted.SerializeToString()
    return file


def _to_litert(portable: Any, precision: str) -> bytes:
    import tensorflow as tf

    # Only what belongs to a module is converted with the names of its inputs and outputs.
    module = tf.Module()
    module.read = portable
    converter = tf.lite.TFLiteConverter.from_concrete_functions([portable.get_concrete_function()], module)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    file: bytes = converter.convert()
    return file


def _portable(graph: Any) -> Any:
    """The pass with its weights as constants, without operations that only TensorFlow has, input and outputs named."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(graph.get_concrete_function())
    definition = _ordinary(frozen.graph.as_graph_def())
    page, outputs = frozen.inputs[0], [output.name for output in frozen.outputs]

    @tf.function(input_signature=[tf.TensorSpec(page.shape, page.dtype, name=PAGE)])
    def portable(page_: Any) -> dict[str, Any]:
        given = {page.name: page_}
        found = tf.graph_util.import_graph_def(definition, given, return_elements=outputs, name="")
        return dict(zip(OUTPUTS, found, strict=True))

    return portable


def _ordinary(definition: Any) -> Any:
    """A graph of operations that both formats have.

    Neither has the gradient of ReLU: written out, it passes where the unit was positive. And a graph that is only read
    from needs no mention of the gradients that activations define for training.
    """
    import tensorflow as tf

    rewritten = tf.compat.v1.GraphDef(versions=definition.versions, library=definition.library)
    for node in definition.node:
        if node.op != "ReluGrad":
            kept = rewritten.node.add()
            kept.CopyFrom(node)
            kept.attr.pop("_gradient_op_type", None)
            continue
        gradient, unit = node.input
        dtype = node.attr["T"].type
        zero = rewritten.node.add(name=f"{node.name}/zero", op="Const")
        zero.attr["dtype"].type = dtype
        zero.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0.0, dtype))
        positive = rewritten.node.add(name=f"{node.name}/positive", op="Greater", input=[unit, zero.name])
        positive.attr["T"].type = dtype
        mask = rewritten.node.add(name=f"{node.name}/mask", op="Cast", input=[positive.name])
        mask.attr["SrcT"].type = tf.bool.as_datatype_enum
        mask.attr["DstT"].type = dtype
        passed = rewritten.node.add(name=node.name, op="Mul", input=[gradient, mask.name])
        passed.attr["T"].type = dtype
    return rewritten

"""compiled_by_xla: whether XLA will compile what TensorFlow traces now."""


def compiled_by_xla() -> bool:
    """Return whether TensorFlow is tracing a function for XLA, which lacks some of its operations."""
    import tensorflow as tf  # other backends run without TensorFlow
    from tensorflow.python.ops import control_flow_util  # nothing public tells a function that XLA will compile it

    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())

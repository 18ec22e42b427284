"""Which vote an output of somebody's model gets."""

import keras

from zoo.layers import MajorityVote
from zoo.layers.arguments import check_known, one_of
from zoo.layers.flip_rows import last_activation

_VOTES = ("majority", "mean")


def votes_by_name(graph: keras.Model, vote) -> dict[str, str | None]:
    """Return the vote of each output, or None, from one for all or a dict by names; checked."""
    given = vote if isinstance(vote, dict) else dict.fromkeys(graph.output_names, vote)
    for name, one in given.items():
        check_known("output in `vote`", name, graph.output_names)
        if one is not None:
            one_of("vote", one, _VOTES)
    return {name: given.get(name) for name in graph.output_names}


def vote_of_output(tensor, vote: str | None, samples: int, name: str) -> MajorityVote:
    """Return the layer that votes on a symbolic output, by what the output ends in.

    Raises:
        ValueError: If the output holds no floats, or `vote` is "majority" and it may hold logits or probabilities.
    """
    if not keras.backend.is_float_dtype(tensor.dtype):
        raise ValueError(
            f"`model` must give floats where it flips: end it before what makes them {tensor.dtype}. "
            f"Received: output {name.removesuffix('_vote')!r}"
        )
    activation = last_activation(tensor)
    kind = {"softmax": "classes", "sigmoid": "labels"}.get(activation or "")
    from_logits = kind is None and vote == "majority"
    if from_logits and activation != "linear":
        raise ValueError(
            f'`vote` must be None or "mean" for the output {name.removesuffix("_vote")!r}, which ends in '
            f"{activation or 'an operation'} that may give logits or probabilities: end it in a softmax or sigmoid, or "
            'say that it gives logits by keras.layers.Activation("linear"). Received: vote="majority"'
        )
    if from_logits:
        kind = "labels" if tensor.shape[-1] == 1 else "classes"
    dtype = "float64" if tensor.dtype == "float64" else "float32"
    if kind is None:
        return MajorityVote(samples, "mean", kind="numbers", from_logits=False, name=name, dtype=dtype)
    return MajorityVote(samples, vote or "majority", kind=kind, from_logits=from_logits, name=name, dtype=dtype)

"""The draws of a frozen graph: which tensors are random, and by which law."""

import re
from collections.abc import Iterable

UNIFORM, NORMAL, INTEGERS = "StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessRandomUniformIntV2"
_RANDOM = re.compile(
    r"Stateless(?!RandomGet)(Random|Multinomial|Truncated|Parameterized|Shuffle)\w*|Random\w*|Multinomial|TruncatedNormal"
)
SEED = "state_of_coins"  # name of the constants that generators start from
_PREFIX = "noise"


class Draws:
    """The draws that outputs depend on, in the order of the graph.

    Args:
        definition: A `GraphDef` without variables.
        outputs: Names of its nodes.
        layers: Names of layers, after which draws are named.

    Raises:
        ValueError: If there are draws inside a loop, or of other numbers than uniform or normal ones and integers.
    """

    def __init__(self, definition, outputs: list[str], layers: set[str]) -> None:
        self.nodes = {node.name: node for node in definition.node}
        self.users: dict[str, list] = {}
        for node in definition.node:
            for given in node.input:
                self.users.setdefault(_node(given), []).append(node)
        self.tensors: dict[str, str] = {}
        self.laws: dict[str, dict] = {}
        reached = self._reached(outputs)
        _check_functions(definition, [self.nodes[name] for name in reached])
        seeds = [name for name in reached if name.split("/")[-1].startswith(SEED)]
        if seeds:
            users = [node.name for node in self.users[seeds[0]] if node.name in reached]
            raise ValueError(f"`model` must draw uniform or normal numbers. Received: another use of a seed in {users}")
        for name in reached:
            if _RANDOM.fullmatch(self.nodes[name].op):
                tensor, law = self._law(self.nodes[name])
                self._add(tensor, law, layers)

    def _reached(self, outputs: list[str]) -> list[str]:
        """Names of the nodes that outputs depend on, the seeds of draws left out; each behind its inputs."""
        order, waiting, seen = [], [(name, False) for name in reversed(outputs)], set()
        while waiting:
            name, done = waiting.pop()
            if done:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                node = self.nodes[name]
                waiting.append((name, True))
                if not _RANDOM.fullmatch(node.op):
                    waiting += [(_node(one), False) for one in reversed(node.input)]
        return order

    def _law(self, node) -> tuple[str, dict]:
        """Tensor and law of a draw: of a uniform number that is only compared with a constant, the comparison's."""
        if node.op == NORMAL:
            return node.name, {"law": "normal"}
        if node.op == INTEGERS:
            low, high = (self._constant(one) for one in node.input[4:6])
            if low is None or high is None:
                raise ValueError(f"`model` must draw integers between constants. Received: {node.name!r}")
            return node.name, {"law": "integers", "low": int(low), "high": int(high)}
        if node.op != UNIFORM:
            raise ValueError(
                f"`model` must draw uniform or normal numbers, or integers between two. Received: {node.op} in "
                f"{node.name!r}"
            )
        at = node
        while True:
            users = self.users.get(at.name, [])
            if len(users) != 1:
                return node.name, {"law": "uniform"}
            at, other = users[0], next((one for one in users[0].input if _node(one) != at.name), "")
            number = self._constant(other)
            if at.op in ("GreaterEqual", "Less") and number is not None and _node(at.input[1]) == _node(other):
                return at.name, {"law": "bernoulli", "p": 1 - number if at.op == "GreaterEqual" else number}
            if not (at.op == "Identity" or (at.op, number) in (("Mul", 1), ("AddV2", 0))):
                return node.name, {"law": "uniform"}

    def _constant(self, name: str) -> float | None:
        """Value of a scalar constant, an int as it is, through casts and identities."""
        import tensorflow as tf

        node = self.nodes.get(_node(name))
        while node is not None and node.op in ("Identity", "Cast"):
            node = self.nodes.get(_node(node.input[0]))
        if node is None or node.op not in ("Const", "Sub"):
            return None
        if node.op == "Sub":  # of the ends of an interval
            low, high = (self._constant(one) for one in reversed(node.input))
            return None if low is None or high is None else high - low
        value = tf.make_ndarray(node.attr["value"].tensor)
        return value.item() if value.ndim == 0 else None

    def _add(self, tensor: str, law: dict, layers: set[str]) -> None:
        """Name a draw after the layers that make it; TensorFlow counts the times that a layer is entered."""
        parts = [(re.sub(r"_\d+$", "", part), part) for part in tensor.split("/")]
        made_by = [next(one for one in both if one in layers) for both in parts if layers.intersection(both)]
        name = "_".join([_PREFIX, *(re.sub(r"\W", "_", one) for one in made_by)])
        name = next(one for one in _numbered(name) if one not in self.tensors)
        self.tensors[name], self.laws[name] = f"{tensor}:0", law


def _check_functions(definition, nodes: Iterable) -> None:
    """Refuse draws inside a loop or a branch."""
    bodies = {one.signature.name: one for one in definition.library.function}
    waiting, seen = list(nodes), set()
    while waiting:
        node = waiting.pop()
        called = [name for attr in node.attr.values() for name in [attr.func.name, *(f.name for f in attr.list.func)]]
        for body in [bodies[name] for name in called if name in bodies and name not in seen]:
            seen.add(body.signature.name)
            for inner in body.node_def:
                if _RANDOM.fullmatch(inner.op):
                    raise ValueError(f"`model` must not draw inside a loop. Received: {inner.op} in {node.name!r}")
                waiting.append(inner)


def _node(tensor: str) -> str:
    return tensor.lstrip("^").split(":")[0]


def _numbered(name: str) -> Iterable[str]:
    yield name
    yield from (f"{name}_{number}" for number in range(1, 10_000))

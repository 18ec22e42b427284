"""Numbers of IteRand's Tables 3 and 4 as printed: test accuracy in per cent."""

from typing import NamedTuple


class Printed(NamedTuple):
    """Mean and standard deviation over three runs; the deviation is None where the paper has one run."""

    mean: float
    deviation: float | None = None


_WIDTHS = (0.25, 0.5, 1.0, 2.0)
_TABLE3 = {
    ("conv6", "iterand", "sc"): ((75.16, 0.23), (84.31, 0.13), (88.80, 0.20), (90.89, 0.17)),
    ("conv6", "iterand", "ku"): ((73.90, 0.47), (83.18, 0.38), (88.20, 0.38), (90.53, 0.28)),
    ("conv6", "edge-popup", "sc"): ((70.35, 1.16), (81.54, 0.11), (87.60, 0.11), (90.25, 0.06)),
    ("conv6", "edge-popup", "ku"): ((67.02, 1.14), (79.37, 0.23), (86.14, 0.37), (89.91, 0.23)),
    ("conv6", "sgd", "ku"): ((79.51, 0.88), (84.46, 0.34), (87.69, 0.36), (89.63, 0.22)),
    ("resnet18", "iterand", "sc"): ((86.09, 0.24), (90.50, 0.36), (92.61, 0.17), (93.82, 0.15)),
    ("resnet18", "iterand", "ku"): ((84.71, 0.42), (89.96, 0.06), (92.47, 0.16), (93.52, 0.16)),
    ("resnet18", "edge-popup", "sc"): ((84.23, 0.33), (89.61, 0.06), (92.29, 0.04), (93.57, 0.13)),
    ("resnet18", "edge-popup", "ku"): ((81.13, 0.09), (88.45, 0.53), (91.79, 0.19), (93.25, 0.06)),
    ("resnet18", "sgd", "ku"): ((90.99, 0.29), (93.10, 0.14), (94.43, 0.05), (95.02, 0.23)),
    ("resnet34", "iterand", "sc"): ((88.26, 0.35), (91.87, 0.17), (93.54, 0.27), (94.25, 0.15)),
    ("resnet34", "iterand", "ku"): ((87.36, 0.14), (91.58, 0.16), (93.27, 0.19), (94.05, 0.10)),
    ("resnet34", "edge-popup", "sc"): ((87.37, 0.30), (91.41, 0.26), (93.27, 0.09), (94.25, 0.13)),
    ("resnet34", "edge-popup", "ku"): ((85.31, 0.66), (90.85, 0.11), (93.00, 0.11), (93.96, 0.10)),
    ("resnet34", "sgd", "ku"): ((92.26, 0.12), (94.20, 0.25), (94.66, 0.18), (95.33, 0.10)),
}
TABLE3 = {
    (*key, width): Printed(*cell) for key, line in _TABLE3.items() for width, cell in zip(_WIDTHS, line, strict=True)
}
TABLE4 = {
    ("resnet18", "sgd", "ku", 1.0): Printed(69.89),
    ("resnet34", "sgd", "ku", 1.0): Printed(73.82),
    ("resnet34", "iterand", "sc", 1.0): Printed(65.86),
    ("resnet34", "edge-popup", "sc", 1.0): Printed(62.14),
    ("resnet50", "iterand", "sc", 1.0): Printed(69.19),
    ("resnet50", "edge-popup", "sc", 1.0): Printed(67.11),
    ("resnet101", "iterand", "sc", 1.0): Printed(72.99),
    ("resnet101", "edge-popup", "sc", 1.0): Printed(71.85),
}
PRINTED = {"cifar10": TABLE3, "imagenet2012": TABLE4}  # by data set
PARAMETERS = {  # Table 4, in millions: (network, pruned or not)
    ("resnet18", False): 11.16,
    ("resnet34", False): 21.26,
    ("resnet34", True): 6.38,
    ("resnet50", True): 7.04,
    ("resnet101", True): 12.72,
}

"""Named data sets as arrays or as files on disk, and batches of them."""

from zoo.data.batches import Batches, fit_input
from zoo.data.datasets import Dataset, load
from zoo.data.lazy_images import LazyImages
from zoo.data.split import Split

__all__ = ["Batches", "Dataset", "LazyImages", "Split", "fit_input", "load"]

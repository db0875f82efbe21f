"""Market features (시장 지표): one catalogue, computed over history and over live bars alike."""

from kisbt.data.features.catalogue import FEATURES, Feature, feature
from kisbt.data.features.compute import compute_features
from kisbt.data.features.incremental import IncrementalFeatures
from kisbt.data.features.table import FeatureTable

__all__ = [
    "FEATURES",
    "Feature",
    "FeatureTable",
    "IncrementalFeatures",
    "compute_features",
    "feature",
]

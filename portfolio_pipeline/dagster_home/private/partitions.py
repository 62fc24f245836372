"""What a set of partitions is made of."""

from dagster._core.definitions.partitions.subset import PartitionsSubset as PartitionsSubset
from dagster._core.definitions.partitions.subset import TimeWindowPartitionsSubset as TimeWindowPartitionsSubset

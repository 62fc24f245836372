"""Of what a run in this very process is made, and what is recorded of it."""

from dagster._core.definitions.job_base import InMemoryJob as InMemoryJob
from dagster._core.execution.api import execute_run_iterator as execute_run_iterator
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin as ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._core.remote_origin import RemoteJobOrigin as RemoteJobOrigin
from dagster._core.remote_origin import RemoteRepositoryOrigin as RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES as IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.dagster_run import assets_are_externally_managed as assets_are_externally_managed
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG as EXTERNALLY_MANAGED_ASSETS_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin as LoadableTargetOrigin
from dagster._core.utils import make_new_run_id as make_new_run_id
from dagster._time import get_current_timestamp as get_current_timestamp

"""Of what the web UI is made."""

from dagster._core.errors import DagsterUserCodeProcessError as DagsterUserCodeProcessError
from dagster._core.workspace.context import WorkspaceProcessContext as WorkspaceProcessContext
from dagster._core.workspace.context import WorkspaceRequestContext as WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget as WorkspaceFileTarget
from dagster._utils.log import configure_loggers as configure_loggers
from dagster_shared.error import SerializableErrorInfo as SerializableErrorInfo
from dagster_webserver.version import __version__ as __version__
from dagster_webserver.webserver import DagsterWebserver as DagsterWebserver

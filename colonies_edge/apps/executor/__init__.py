"""Executors: the SDK for Python functions, and the one that runs commands."""

from colonies_edge.apps.executor.context import Context
from colonies_edge.apps.executor.executor import Executor
from colonies_edge.apps.executor.os_executor import OsExecutor, os_executor, run_os_executor
from colonies_edge.apps.executor.talk import NotWanted

__all__ = ["Context", "Executor", "NotWanted", "OsExecutor", "os_executor", "run_os_executor"]

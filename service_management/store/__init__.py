"""What must survive a process, in a database."""

from service_management.store.schema import StoreRefused, refuse_newer
from service_management.store.store import EVENTS_KEPT, LogEntry, Store

__all__ = ["EVENTS_KEPT", "LogEntry", "Store", "StoreRefused", "refuse_newer"]

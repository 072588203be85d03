"""What must survive a process, in a database."""

from service_management.store.store import EVENTS_KEPT, LogEntry, Store
from service_management.store.upgrade import StoreRefused, refuse_newer

__all__ = ["EVENTS_KEPT", "LogEntry", "Store", "StoreRefused", "refuse_newer"]

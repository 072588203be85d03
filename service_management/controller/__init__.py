"""The one writer of lifecycle state, and the threads that act for it."""

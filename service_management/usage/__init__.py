"""Usage: requests counted from nginx's logs, which are rotated here; how long starts took."""

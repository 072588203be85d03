"""Usage: nginx's access log followed, rotated and added up; how long starts took."""

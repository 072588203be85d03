"""The paramiko backend: sessions inside this process."""

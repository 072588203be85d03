"""The native run: everything up and down on this machine, under a process supervisor."""

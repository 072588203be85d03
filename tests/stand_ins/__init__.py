"""Stand-ins for the programs that examples/ runs, and their installation in an account's home."""

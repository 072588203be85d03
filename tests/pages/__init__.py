"""The pages for people, from the real application with fixed data, in a real Chromium."""

"""The command line: its frame and its everyday commands."""

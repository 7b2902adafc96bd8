"""A file per command: it parses, calls the rooms below, and prints.

Law: stdout is data, stderr is talk. Only `root` prints an error or chooses an exit code; a command
raises. What the process was started with (streams, environment, directory, clock) comes in as one
`Caller`. A command's module is imported when that command is asked for, and not before.
"""

"""Everything that is decided, and nothing that is done.

Law: no I/O, no clock, no randomness, no logging. The same input gives the same answer.
Kept by: import-linter, contract "The core does no I/O and never asks for the time".
"""

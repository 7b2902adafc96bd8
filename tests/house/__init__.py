"""Rules of this code base that no linter knows.

Each is a promise to the reader of the source. Ruff, mypy and import-linter keep the others: docstrings,
arguments and complexity are ruff's.
"""

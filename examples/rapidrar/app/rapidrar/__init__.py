"""RapidRAR: lists, tests and extracts RAR archives over HTTP.

Law: an archive is hostile until read to its end. It is parsed only in `worker`, a process of its own with
hard limits on memory, time and output, so that the worst it can do is to lose its own request.
"""

__version__ = "1.0.0"

"""Speaks to GitHub's REST API, and to nobody else.

Law: what GitHub answers is handed on as it came, and judged by `core`. No usable answer is an error here:
none in time, one of a server that is not well, a page where data should be, or that there were too many
requests. The token goes to the API's own address only, and into no message.
"""

"""What each program of the node is told.

Law: pure. A `NodeConfig` in, an argument list or the text of a configuration file out; the same
configuration gives the same bytes, and golden files hold them.
"""

"""What kubepreview costs, beside the tool one would use without it.

Law: contestants take turns in one run, on one machine, at least ten rounds each; medians and spread are
told, never one absolute time. Nothing here is a test: `make bench` prints a table and writes latest.json.
"""

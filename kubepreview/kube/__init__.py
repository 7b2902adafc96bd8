"""Everything said to a kube-apiserver, and everything it says back.

Law: this is the only room that talks to a kube-apiserver, and it knows nothing of previews: it moves
objects as plain mappings. Every request goes through one path (`session`), which sets a time-out,
retries what is safe to repeat, and turns each outcome into an object or an error of `errors`.
An error is never an absence: only the server's own 404, about the very object asked for, is.
"""

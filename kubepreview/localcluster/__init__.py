"""A real Kubernetes node on this machine, in namespaces of its own, without Docker.

Law: knows nothing of previews. What a program is told (flags, configuration files, objects) is made by
pure functions in `components` and `addons`; only `node` runs inside the namespaces, and `cluster` is the
one door from outside. Whatever the machine is given is taken away by `down`, and a start first clears what
a killed run left behind. Kept by: golden files, and the listings before and after in the cluster tests.
"""

"""A user's manifests → the objects of a preview: kustomize, Helm and plain files.

Law: this room knows no cluster and no registry. It reads regular files inside the checkout and nothing
else, runs programs only within limits (`programs`), and gives the same bytes for the same input. What is
wrong with the input is told all at once, as `InvalidInput` with a Problem each.
"""

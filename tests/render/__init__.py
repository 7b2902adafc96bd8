"""Rendering, against the real kustomize and the real Helm; no cluster, no registry."""

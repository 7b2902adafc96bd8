"""On real Kubernetes: a node of this run, started once."""

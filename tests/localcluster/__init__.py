"""The local cluster, as far as it can be proved without one."""

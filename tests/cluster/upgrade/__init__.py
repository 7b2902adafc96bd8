"""From an earlier version to this one, on a cluster in which previews live."""

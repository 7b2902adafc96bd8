"""What waits in a pod until the network policies hold it."""

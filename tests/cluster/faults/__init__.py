"""Faults made on purpose, on a real node: what is killed, lost, late or wrong leaves everything right."""

"""Tests of the pure room: values in, values out, no world."""

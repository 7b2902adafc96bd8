"""A GitHub that stands in for the real one, for the tests, which ask it all, and the demo, which shows it.

It is stateful, held to GitHub's own description of its API, and knows nothing of kubepreview.
"""

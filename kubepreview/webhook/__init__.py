"""Hears GitHub's webhooks, and tells the controller which pull requests to look at sooner.

Law: a delivery is a hint and nothing else. It is believed only if it is signed, and even then it says no
more than "look again": what a pull request is like is read from GitHub, by number. The process has no right
but to write one ConfigMap of hints, and answers at once, whatever the cluster does.
"""

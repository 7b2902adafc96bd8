"""The process that hears GitHub's webhooks, against a real apiserver."""

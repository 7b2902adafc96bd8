"""Workflows and the action, as GitHub's own rules and two linters of others see them."""

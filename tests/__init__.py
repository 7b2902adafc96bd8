"""The tests; CONTRIBUTING.md says what each folder proves, and what it needs."""

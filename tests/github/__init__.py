"""A GitHub that stands in for the real one, held to GitHub's own description, and what is read from it."""

"""Preview environments for pull requests, on the Kubernetes cluster you already have.

Law: the package itself holds the version and nothing else; every deed lives in a room below it.
"""

__version__ = "0.1.0"

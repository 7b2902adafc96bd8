"""The only room that talks to an image registry.

Law: it asks, and never writes. A registry that does not answer, or answers with something that is not a
registry's, is `Unreachable`; only the registry's own word that an image is unknown is `NotFound`.
"""

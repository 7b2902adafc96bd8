"""The only room that talks to an image registry.

Law: it asks; of its own it writes nothing but the artifacts that it is told to publish. A registry that does
not answer, or answers with something that is not a registry's, is `Unreachable`; only the registry's own word
that something is unknown is `NotFound`.
"""

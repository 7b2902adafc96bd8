"""What runs in a preview's pod before anything of the pull request, where a project asks for it.

Law: it imports nothing but Python's own library, so that it starts in an instant and depends on no setting.
"""

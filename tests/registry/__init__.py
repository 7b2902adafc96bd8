"""The registry room, against a real registry and a stand-in for what that one does not do."""

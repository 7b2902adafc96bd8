"""The gateway, with visitors and previews on loopback."""

"""Sends what changed to the tools where people work."""

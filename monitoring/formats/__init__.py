"""PURE: what senders write, as samples."""

"""Reporting: figures, tables and the page that people read."""

"""Cohorts: data sets read into one participants table and one scans table."""

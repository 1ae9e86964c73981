"""Covariates: what sources know of a scan, models of what they do not know, and tables filled by them."""

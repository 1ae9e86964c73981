"""Synthesis for masks: which masks, candidates for each, and which of these the filter keeps."""

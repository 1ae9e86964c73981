"""Segmentation with nnU-Net: its data sets, its runs, and the scores of what it predicts."""

"""Diffusion as functions of a network's prediction; knows neither networks nor models."""

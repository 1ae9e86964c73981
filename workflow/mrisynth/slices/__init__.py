"""Slices: 2D images of brains as one kind of packed array, whatever they come from."""

"""mrisynth: synthetic T1-weighted brain MRI, from raw head scans to scored generative models."""

__version__ = "0.1.0"

"""Networks: layers and whole networks that models and feature spaces share."""

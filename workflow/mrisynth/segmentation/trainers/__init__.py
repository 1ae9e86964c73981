"""The folder that nnU-Net searches for trainers; it imports what it finds here, so that nothing else may stand here."""

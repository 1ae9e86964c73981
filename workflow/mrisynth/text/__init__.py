"""Text as a condition: prompts of scans, their tokens, encoders of them, and how alike texts and images are."""

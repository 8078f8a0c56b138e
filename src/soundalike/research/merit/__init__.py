"""What MERIT reports, measured as MERIT measures it, and measured again by a protocol that leaves no way around.

Source: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026 (arXiv 2605.27346).
"""

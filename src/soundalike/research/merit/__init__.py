"""What MERIT reports, measured as it measures and then by a stricter protocol."""

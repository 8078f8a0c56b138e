"""What only a researcher needs: rendering, fitting, evaluation."""

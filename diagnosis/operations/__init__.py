"""What those who run Isoline look at: signs of life, readiness, figures, retention."""

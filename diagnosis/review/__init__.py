"""What a clinician says about a reading: draft, signature, amendment."""

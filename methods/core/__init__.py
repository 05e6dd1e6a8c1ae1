"""What methods share. No method lies here."""

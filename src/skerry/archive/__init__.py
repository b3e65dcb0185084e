"""The file of a backup: a tar whose first entry says what the others are, as a rule encrypted by age."""

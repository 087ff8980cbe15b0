"""What a month bears: practitioners' compensation, and work that is not billed yet."""

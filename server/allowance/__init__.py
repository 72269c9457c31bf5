"""The allowance (TPP): regulations as data, their computation with a line for every rupiah, and its explanation."""

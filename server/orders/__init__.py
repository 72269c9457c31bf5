"""Leave, duty orders and corrections."""

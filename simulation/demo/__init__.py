"""`./hadir demo`: an office from claim to payment list, in one run, through the code that a site runs."""

"""The people of the installation: agencies, employees, officers, and the keys of their pseudonyms."""

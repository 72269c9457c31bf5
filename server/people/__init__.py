"""The people of the installation: employees, officers, and the keys of their pseudonyms."""

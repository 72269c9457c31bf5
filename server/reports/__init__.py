"""Reports of a month: payment list, recap, slips and held payments, as PDF, XLSX, CSV and HTML."""

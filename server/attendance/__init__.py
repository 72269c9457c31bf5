"""Attendance: calendars, shifts, and marks turned into day records."""

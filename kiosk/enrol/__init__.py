"""Enrolment: templates of people, from guided poses or from photos in files."""

"""Enrolment: templates that two officers answer for, and the galleries made of them."""

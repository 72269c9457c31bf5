"""The month as officers live it: drafts, objections, approvals, lock, payment, and what is paid afterwards."""

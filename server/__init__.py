"""The central server: verifies batches, computes attendance and allowance, answers to auditors."""

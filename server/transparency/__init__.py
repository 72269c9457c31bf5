"""What an auditor may see: the logs of the devices, as bytes, with their signed checkpoints."""

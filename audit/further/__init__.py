"""What an audit does beyond verifying a log: the national log, proofs of single marks, two views compared."""

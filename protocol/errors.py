"""What a decoder or verifier raises: every refusal names the format and the fault."""


class ProtocolError(ValueError):
    """Bytes that are not what `docs/formats.md` says."""


class SignatureInvalid(ProtocolError):
    """A signature that is missing, by another key, or wrong."""

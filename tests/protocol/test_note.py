"""Signed notes and keys (C2SP), with the vector of Go's sumdb/note."""

import pytest

from protocol.errors import ProtocolError, SignatureInvalid
from protocol.note import Signer, Verifier, open_note, sign_note

# From the documentation of golang.org/x/mod/sumdb/note.
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_signed_by_other_software_opens():
    text = open_note(NOTE.encode(), [Verifier.parse(VERIFIER)])
    assert text.endswith("what your problem is.\n")


def test_a_key_is_written_as_it_was_read():
    assert str(Verifier.parse(VERIFIER)) == VERIFIER


@pytest.fixture
def signer():
    return Signer.from_seed("hadir.example/root", bytes(range(32)))


def test_what_is_signed_opens(signer):
    assert open_note(sign_note("a\n\nb\n", signer), [signer.verifier]) == "a\n\nb\n"


def test_every_altered_byte_is_noticed(signer):
    note = sign_note("size 12\n", signer)
    for position in range(len(note)):
        altered = bytearray(note)
        altered[position] ^= 1
        with pytest.raises(ProtocolError):
            open_note(bytes(altered), [signer.verifier])


def test_a_note_of_another_key_of_the_same_name_is_refused(signer):
    other = Signer.generate(signer.name)
    with pytest.raises(SignatureInvalid, match="not signed by hadir.example/root"):
        open_note(sign_note("a\n", other), [signer.verifier])


@pytest.mark.parametrize("control", ["\r", "\x1b", "\t", "\0"])
def test_a_text_with_a_control_character_is_no_note(signer, control):
    with pytest.raises(ProtocolError, match="control character"):
        open_note(sign_note(f"size 12{control}\n", signer), [signer.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "x+00000000+AAAA", VERIFIER.replace("c74f", "c74e"), VERIFIER[:-4],
        *(VERIFIER.replace("PeterNeumann", name) for name in ("\ud800", "a b", "a\x1b", "a\u202e", "a\u00a0")),
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(ProtocolError):
        Verifier.parse(text)

"""What the kiosk says, in Indonesian and English. A public screen shows first names only."""

from __future__ import annotations

from typing import Literal

Language = Literal["id", "en"]

_TEXTS: dict[str, tuple[str, str]] = {
    "ready": ("Siap", "Ready"),
    "granted": ("✔ {name}, tercatat {time}", "✔ {name}, saved {time}"),
    "already": ("✔ {name}, sudah tercatat {time}", "✔ {name}, already {time}"),
    "identified": ("✔ dikenali sebagai {name} (tanpa uji kehidupan)", "✔ identified as {name} (liveness not checked)"),
    "refused": ("✘ Ditolak: {reason}", "✘ Refused: {reason}"),
    "used_up": ("✘ Terlalu banyak percobaan, tunggu {minutes} menit", "✘ Too many tries, wait {minutes} min"),
    "unknown": ("✘ Wajah tidak dikenal", "✘ Face not known"),
    "undetermined": ("✘ Belum pasti, coba lagi: {reason}", "✘ Not certain, try again: {reason}"),
    "attest": (
        "{name}: seorang rekan dan atasan dapat bersaksi, lihat kamera dalam 1 menit",
        "{name}: a colleague and a supervisor may attest, look at the camera within 1 minute",
    ),
    "attest_question": ("Bersaksi bahwa {name} hadir? Mendekatlah", "Do you attest that {name} is here? Come closer"),
    "attest_supervisor": ("Terima kasih. Sekarang atasan, untuk {name}", "Thank you. Now a supervisor, for {name}"),
    "attest_colleague": (
        "Terima kasih. Sekarang seorang rekan, untuk {name}",
        "Thank you. Now a colleague, for {name}",
    ),
    "attested": ("✔ {name}, tercatat {time} dengan dua saksi", "✔ {name}, saved {time}, attested by two"),
    "not_ready": ("Belum siap: {reason}", "Not ready: {reason}"),
    "not_saved": ("Tidak tersimpan: {reason}", "Not saved: {reason}"),
    "camera": ("Kamera terganggu: {reason}", "Camera trouble: {reason}"),
    "turn_left": ("Tolehkan kepala ke kiri", "Turn your head to the left"),
    "turn_right": ("Tolehkan kepala ke kanan", "Turn your head to the right"),
    "look_up": ("Lihat ke atas", "Look up"),
    "blink": ("Kedipkan mata", "Blink"),
    "come_closer": ("Mendekatlah", "Come closer"),
    "show_card": ("Tunjukkan kartu Anda", "Show your card"),
    "look_here": ("Lihat ke kamera", "Look at the camera"),
    "one_person": ("Satu orang saja, mohon", "One person at a time, please"),
    "too_dark": ("Terlalu gelap", "Too dark"),
    "too_bright": ("Terlalu terang", "Too bright"),
    "uneven_light": ("Cahaya dari samping", "Light from one side only"),
    "hold_still": ("Jangan bergerak dulu", "Hold still"),
    "open_eyes": ("Buka mata", "Open your eyes"),
    "lower_mask": ("Turunkan masker", "Lower your mask"),
}


_SPOKEN: dict[str, tuple[str, str]] = {
    "turn_left": ("Toleh kiri", "Turn left"),
    "turn_right": ("Toleh kanan", "Turn right"),
    "look_up": ("Lihat atas", "Look up"),
    "blink": ("Kedip", "Blink"),
    "come_closer": ("Mendekat", "Closer"),
}
"""Prompts for the ear: their time runs while they are spoken."""


def say(key: str, language: Language, **values: str) -> str:
    """The text of `key`; a hint without a text of its own is shown as it is."""
    texts = _TEXTS.get(key)
    if texts is None:
        return key.replace("_", " ")
    return texts[0 if language == "id" else 1].format(**values)


def spoken(text: str, language: Language) -> str:
    """What the voice says where the screen shows `text`."""
    for key, short in _SPOKEN.items():
        if text == say(key, language):
            return short[0 if language == "id" else 1]
    return text.lstrip("✔✘ ")

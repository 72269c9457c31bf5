"""Presentation attack detection (ISO/IEC 30107-3): prompts, depth, light and passive cues. `kiosk.liveness` decides."""

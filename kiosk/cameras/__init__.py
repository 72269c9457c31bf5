"""One module for each source of frames; `kiosk.camera.SOURCES` names them."""

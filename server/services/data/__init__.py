"""The bundled synthetic series (CSV) and the generator that wrote them."""

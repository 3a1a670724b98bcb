"""The use cases, without web types: they could as well be asked over another wire."""

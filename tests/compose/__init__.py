"""The demo of ``docker-compose.yml``, in real containers."""

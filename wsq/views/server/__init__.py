"""The web server, and which page each address shows."""

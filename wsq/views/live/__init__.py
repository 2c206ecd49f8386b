"""What keeps pages live: the hub and its feeds, requests and who may send them, and the components' base."""

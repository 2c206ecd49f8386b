LIVE = "live"
TAGS = [LIVE, "nbval-ignore-output"]
"""Of a live cell; the second is for nbval, which would compare the picture with what is alive."""

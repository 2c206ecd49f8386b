"""The statistics page, its charts, and the small chart for a notebook."""

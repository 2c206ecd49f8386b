"""The board. Serve it with `panel serve dashboards/*.py`; `wsq serve` adds headers, health checks and a scheduler."""

from wsq.views import board_page, served

served(board_page).servable()

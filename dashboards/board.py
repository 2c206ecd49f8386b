"""The board. `panel serve dashboards/*.py` shows it; `wsq serve` adds headers, health and scheduler."""

import panel as pn

import wsq
from wsq.views import board_page

board_page(pn.state.as_cached("workspace", wsq.open)).servable()

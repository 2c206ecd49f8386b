"""The board. Serve it with `panel serve dashboards/*.py`; `wsq serve` adds headers, health checks and a scheduler."""

import panel as pn

import wsq
from wsq.views import board_page

board_page(pn.state.as_cached("workspace", wsq.open)).servable()

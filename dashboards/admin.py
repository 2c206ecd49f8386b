"""The recurring tasks of all stores. `panel serve dashboards/*.py` shows it."""

import panel as pn

import wsq
from wsq.views import admin_page

admin_page(pn.state.as_cached("workspace", wsq.open)).servable()

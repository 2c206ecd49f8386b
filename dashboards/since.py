"""What has happened since one was last here. `panel serve dashboards/*.py` shows it."""

import panel as pn

import wsq
from wsq.views import since_page

since_page(pn.state.as_cached("workspace", wsq.open)).servable()

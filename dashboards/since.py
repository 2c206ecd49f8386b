"""What happened since your last visit. Serve it with `panel serve dashboards/*.py`."""

from wsq.views import served, since_page

served(since_page).servable()

"""Projects, contacts and documents. Serve it with `panel serve dashboards/*.py`."""

from wsq.views import library_page, served

served(library_page).servable()

//! Serves the page that shows the document.

//! Embeds the files of the page.

/// Name, media type and content of each file. The page loads some when it is opened, the others when
/// what they draw is first asked for.
pub(super) const FILES: &[(&str, &str, &str)] = &[
    ("page.css", CSS, include_str!("page/page.css")),
    ("page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    ("draw.js", JAVASCRIPT, include_str!("page/draw.js")),
    ("view.js", JAVASCRIPT, include_str!("page/view.js")),
    ("classroom.css", CSS, include_str!("page/classroom.css")),
    ("views.js", JAVASCRIPT, include_str!("page/views.js")),
    ("views.css", CSS, include_str!("page/views.css")),
    ("model.js", JAVASCRIPT, include_str!("page/model.js")),
    ("words.js", JAVASCRIPT, include_str!("page/words.js")),
    ("keep.js", JAVASCRIPT, include_str!("page/keep.js")),
    ("readings.js", JAVASCRIPT, include_str!("page/readings.js")),
    ("lab.js", JAVASCRIPT, include_str!("page/lab.js")),
    ("lab.css", CSS, include_str!("page/lab.css")),
    ("compose.js", JAVASCRIPT, include_str!("page/compose.js")),
    ("step.js", JAVASCRIPT, include_str!("page/step.js")),
    ("step.css", CSS, include_str!("page/step.css")),
    ("outcome.js", JAVASCRIPT, include_str!("page/outcome.js")),
    ("formats.js", JAVASCRIPT, include_str!("page/formats.js")),
    ("readings.css", CSS, include_str!("page/readings.css")),
    ("export.js", JAVASCRIPT, include_str!("page/export.js")),
    ("export.css", CSS, include_str!("page/export.css")),
    ("load.js", JAVASCRIPT, include_str!("page/load.js")),
    ("load.css", CSS, include_str!("page/load.css")),
    ("stories.js", JAVASCRIPT, include_str!("page/stories.js")),
    ("stories.css", CSS, include_str!("page/stories.css")),
    ("capture.js", JAVASCRIPT, include_str!("page/capture.js")),
    ("conformance.js", JAVASCRIPT, include_str!("page/conformance.js")),
    ("conformance.css", CSS, include_str!("page/conformance.css")),
    ("ends.js", JAVASCRIPT, include_str!("page/ends.js")),
    ("ends.css", CSS, include_str!("page/ends.css")),
];
/// Cases of the conformance corpus; tests/corpus.rs says which.
pub(super) const CONFORMANCE: &str = include_str!("conformance.json");
/// Name and capture of each story. `tests/wire/stories.mjs` records them; the first line is the title
/// and the captions.
pub(super) const STORIES: &[(&str, &str)] = &[
    ("slow-client", include_str!("stories/slow-client.ndjson")),
    ("keep-alive", include_str!("stories/keep-alive.ndjson")),
    ("silent", include_str!("stories/silent.ndjson")),
    ("too-large", include_str!("stories/too-large.ndjson")),
    ("smuggling", include_str!("stories/smuggling.ndjson")),
];
/// The page itself.
pub(super) const INDEX: &str = include_str!("page/index.html");
/// The guided experiments, in the format of docs/experiments.md. They are data, for `poke` and tests too.
pub(super) const EXPERIMENTS: &str = include_str!("experiments.json");

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

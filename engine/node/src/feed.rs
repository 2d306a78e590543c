//! Atom feeds as SDShare has them: what has changed, and where to fetch what is
//! said of it.

use pipewright_pump::xml::escape;

/// What the names of SDShare begin with.
const SDSHARE: &str = "http://www.sdshare.org/2012/core/";
/// The content type of a feed.
pub(crate) const ATOM: &str = "application/atom+xml";
/// The content type of what is said of a resource.
pub(crate) const TRIPLES: &str = "application/n-triples";

/// A feed that is being written.
pub(crate) struct Feed {
    text: String,
}

impl Feed {
    /// A feed at an address. `updated` is when it last changed, in microseconds
    /// since 1970.
    pub(crate) fn new(title: &str, address: &str, author: &str, updated: i64) -> Feed {
        let mut feed = Feed {
            text: format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:sdshare=\"{SDSHARE}\">\n"
            ),
        };
        feed.element("title", title);
        feed.element("id", address);
        feed.element("updated", &crate::time::iso(updated));
        feed.text.push_str("<author>");
        feed.element("name", author);
        feed.text.push_str("</author>\n");
        feed.link("self", ATOM, address);
        feed
    }

    /// Where the feed goes on.
    pub(crate) fn next(&mut self, address: &str) {
        self.link("next", ATOM, address);
    }

    /// The entry of a collection that leads to the feed of its changes.
    pub(crate) fn fragments(&mut self, address: &str, updated: i64) {
        self.text.push_str("<entry>\n");
        self.element("title", "Fragments");
        self.element("id", address);
        self.element("updated", &crate::time::iso(updated));
        self.link(&format!("{SDSHARE}fragmentsfeed"), ATOM, address);
        self.link("alternate", ATOM, address);
        self.text.push_str("</entry>\n");
    }

    /// The entry of a resource that has changed.
    pub(crate) fn fragment(&mut self, id: &str, uri: &str, address: &str, updated: i64) {
        self.text.push_str("<entry>\n");
        self.element("title", id);
        self.element("id", address);
        self.element("updated", &crate::time::iso(updated));
        self.element("sdshare:resource", uri);
        self.link(&format!("{SDSHARE}fragment"), TRIPLES, address);
        self.link("alternate", TRIPLES, address);
        self.text.push_str("</entry>\n");
    }

    pub(crate) fn end(mut self) -> String {
        self.text.push_str("</feed>\n");
        self.text
    }

    fn element(&mut self, name: &str, text: &str) {
        self.text.push_str(&format!("<{name}>"));
        escape(text, &mut self.text);
        self.text.push_str(&format!("</{name}>\n"));
    }

    fn link(&mut self, rel: &str, kind: &str, address: &str) {
        self.text.push_str(&format!("<link rel=\"{rel}\" type=\"{kind}\" href=\""));
        escape(address, &mut self.text);
        self.text.push_str("\"/>\n");
    }
}

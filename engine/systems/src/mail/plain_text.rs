//! The words of an HTML text, for mail programs that show no HTML.

/// What begins a new line.
const BLOCKS: [&str; 14] =
    ["br", "p", "div", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "blockquote", "hr"];

/// How long the name of a character may be, with its semicolon.
const LONGEST: usize = 10;

/// Whether a text is written in HTML.
pub(super) fn is_html(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let name = rest.trim_start_matches(['/', '!']);
        let is_tag = name.starts_with(|first: char| first.is_ascii_alphabetic());
        if is_tag && rest.find('>').is_some_and(|end| rest[..end].find('<').is_none()) {
            return true;
        }
    }
    false
}

/// The words of an HTML text, as well as they can be had without laying it out.
pub(super) fn plain_text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_words(&mut out, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/');
        let length = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name[..length].to_ascii_lowercase();
        if matches!(name.as_str(), "script" | "style" | "head") && !tag.starts_with('/') {
            let close = format!("</{name}");
            let lower = rest.to_ascii_lowercase();
            rest = lower.find(&close).map_or("", |at| &rest[at..]);
        } else if BLOCKS.contains(&name.as_str()) {
            while out.ends_with(' ') {
                out.pop();
            }
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        }
    }
    if !rest.starts_with('<') {
        push_words(&mut out, rest);
    }
    out.trim().to_owned()
}

/// Words with one space between them, and characters for their names.
fn push_words(out: &mut String, text: &str) {
    let mut is_spaced = out.is_empty() || out.ends_with(['\n', ' ']);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c.is_whitespace() {
            if !is_spaced {
                out.push(' ');
            }
            is_spaced = true;
            rest = after;
            continue;
        }
        is_spaced = false;
        let end = after.bytes().take(LONGEST).position(|byte| byte == b';');
        match end.filter(|_| c == '&').and_then(|end| Some((end, character(&after[..end])?))) {
            Some((end, named)) => {
                out.push(named);
                rest = &after[end + 1..];
            }
            None => {
                out.push(c);
                rest = after;
            }
        }
    }
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_what_has_tags() {
        assert!(is_html("Hello <b>you</b>"));
        assert!(is_html("<!DOCTYPE html><p>"));
        assert!(!is_html("1 < 2 and 3 > 2"));
        assert!(!is_html("a <- b"));
        assert!(!is_html("plain"));
    }

    #[test]
    fn words_lines_and_characters_are_kept() {
        let html = "<html><head><title>x</title></head><body><h1>An order</h1>\n  \
                    <p>Dear  <b>Kari</b> &amp; co,<br/>it is &#60;done&#x3E;.</p>\
                    <script>no()</script><!-- nor this --><ul><li>one<li>two</ul> a&b;c &";
        assert_eq!(
            plain_text(html),
            "An order\n\nDear Kari & co,\nit is <done>.\n\none\ntwo\na&b;c &"
        );
        assert_eq!(plain_text("cut <b"), "cut");
    }
}

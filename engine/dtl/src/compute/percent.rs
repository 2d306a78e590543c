//! Percent-encoding of text in URLs (RFC 3986, section 2).

use std::borrow::Cow;

/// Writes every byte that is neither unreserved nor an ASCII character of
/// `safe` as `%XX`.
pub(crate) fn quote(text: &str, safe: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for &byte in text.as_bytes() {
        let kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || byte.is_ascii() && safe.as_bytes().contains(&byte);
        if kept {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// Turns `%XX` back into bytes and reads the result as UTF-8. A `%` that does
/// not begin such a group stays; bytes that are no UTF-8 become `U+FFFD`.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, tail @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.push(high << 4 | low);
            rest = tail;
        } else {
            out.push(*first);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{quote, unquote};

    #[test]
    fn quoting_keeps_unreserved_and_safe_characters() {
        assert_eq!(quote("/foo bar/baz", ""), "%2Ffoo%20bar%2Fbaz");
        assert_eq!(quote("/foo bar/baz", "/"), "/foo%20bar/baz");
        assert_eq!(quote("å-._~", "å"), "%C3%A5-._~");
    }

    #[test]
    fn unquoting_forgives_broken_groups() {
        assert_eq!(unquote("%2Ffoo%20bar"), "/foo bar");
        assert_eq!(unquote("100% %C3%A5 %zz %4"), "100% å %zz %4");
        assert_eq!(unquote("%ff"), "\u{fffd}");
    }
}

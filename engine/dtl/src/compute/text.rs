//! Cutting and filling texts by characters.

/// The characters from `start` up to `end` (or to the last). Negative places
/// count from the end; places outside the text mean its border.
pub(crate) fn substring(text: &str, start: i64, end: Option<i64>) -> &str {
    // Counting is needed only if a place counts from the end.
    let length = if start < 0 || end.is_some_and(|end| end < 0) { text.chars().count() } else { 0 };
    let place = |at: i64| {
        let at = usize::try_from(at.unsigned_abs())
            .map_or(usize::MAX, |size| if at < 0 { length.saturating_sub(size) } else { size });
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    };
    let from = place(start);
    let to = end.map_or(text.len(), place);
    text.get(from..to).unwrap_or_default()
}

/// Which side a text is placed on when it is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// `text` filled up to `width` characters; unchanged if it has as many.
pub(crate) fn justify(text: &str, side: Side, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let filling = std::iter::repeat_n(fill, missing);
    match side {
        Side::Left => text.chars().chain(filling).collect(),
        Side::Right => filling.chain(text.chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings() {
        for (start, end, expected) in [
            (2, Some(4), "cd"),
            (2, None, "cdef"),
            (-3, Some(-1), "de"),
            (0, Some(100), "abcdef"),
            (4, Some(2), ""),
            (100, None, ""),
            (-100, Some(1), "a"),
            (i64::MIN, Some(i64::MAX), "abcdef"),
        ] {
            assert_eq!(substring("abcdef", start, end), expected, "{start} {end:?}");
        }
        assert_eq!(substring("åæø", -2, None), "æø");
    }

    #[test]
    fn justified() {
        assert_eq!(justify("123", Side::Left, 5, '0'), "12300");
        assert_eq!(justify("æø", Side::Right, 4, 'å'), "ååæø");
        assert_eq!(justify("ghijklm", Side::Right, 5, ' '), "ghijklm");
    }
}

//! Cuts a stream of bytes into lines.

/// Holds what arrived of a line that is not complete yet.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Hands every line that is complete with these bytes to `take`, without
    /// its end; blank ones are left out.
    pub(super) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Vec<u8>)) {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if !line.trim_ascii().is_empty() {
                take(line);
            }
        }
        self.rest.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let text = "{\"a\":1}\n\n{\"b\":\"æ\"}\r\n{\"c\":3}\nrest".as_bytes();
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for part in text.chunks(size) {
                lines.push(part, |line| {
                    seen.push(String::from_utf8_lossy(line.trim_ascii()).into_owned())
                });
            }
            assert_eq!(seen, ["{\"a\":1}", "{\"b\":\"æ\"}", "{\"c\":3}"], "cut every {size} bytes");
        }
    }
}

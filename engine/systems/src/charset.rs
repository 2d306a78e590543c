//! Character sets by the names that config uses, which are those of Python's
//! codecs and of the web.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A way to write text as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// ISO 8859-1 to the letter: each byte is the code point of that number.
    /// (On the web the name stands for Windows-1252, which differs in 80 to 9F.)
    Latin1,
    /// The first 128 code points.
    Ascii,
    /// UTF-16, the smaller byte first, with a byte order mark when written.
    Utf16,
    /// UTF-16, the larger byte first.
    Utf16Be,
    /// UTF-16, the smaller byte first.
    Utf16Le,
    /// Any other.
    Other(&'static Encoding),
}

impl Charset {
    /// The character set of this name, in any case and with any separators.
    pub fn named(name: &str) -> Option<Charset> {
        let name = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        Some(match name.as_str() {
            "latin-1" | "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859"
            | "cp819" => Charset::Latin1,
            "ascii" | "us-ascii" | "646" => Charset::Ascii,
            "utf-16" | "utf16" | "u16" => Charset::Utf16,
            "utf-16-be" | "utf-16be" => Charset::Utf16Be,
            "utf-16-le" | "utf-16le" => Charset::Utf16Le,
            "utf-8-sig" | "u8" => Charset::Other(UTF_8),
            other => {
                let label = |label: &str| Encoding::for_label(label.as_bytes());
                let windows = || label(&format!("windows-{}", other.strip_prefix("cp")?));
                let iso = || label(&format!("iso-8859-{}", other.strip_prefix("iso8859-")?));
                let joined = || label(&other.replace('-', "_"));
                Charset::Other(label(other).or_else(windows).or_else(iso).or_else(joined)?)
            }
        })
    }

    fn decoder(self) -> Option<Decoder> {
        Some(match self {
            Charset::Latin1 | Charset::Ascii => return None,
            // A byte order mark decides.
            Charset::Utf16 | Charset::Utf16Le => UTF_16LE.new_decoder(),
            Charset::Utf16Be => UTF_16BE.new_decoder(),
            Charset::Other(encoding) => encoding.new_decoder(),
        })
    }

    /// The bytes that mark the beginning of a text, where it has such.
    pub fn byte_order_mark(self) -> &'static [u8] {
        match self {
            Charset::Utf16 | Charset::Utf16Le => b"\xff\xfe",
            Charset::Utf16Be => b"\xfe\xff",
            Charset::Other(encoding) if encoding == UTF_8 => b"\xef\xbb\xbf",
            _ => b"",
        }
    }

    /// Appends a text as bytes. What the character set lacks is replaced.
    pub fn encode(self, text: &str, lacking: Lacking, to: &mut Vec<u8>) {
        let limited = |limit: u32, to: &mut Vec<u8>| {
            for character in text.chars() {
                match u8::try_from(u32::from(character)) {
                    Ok(byte) if u32::from(byte) < limit => to.push(byte),
                    _ => lacking.replace(character, to),
                }
            }
        };
        match self {
            Charset::Latin1 => limited(256, to),
            Charset::Ascii => limited(128, to),
            Charset::Utf16 | Charset::Utf16Le => {
                to.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Charset::Utf16Be => to.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Charset::Other(encoding) if encoding == UTF_8 => to.extend_from_slice(text.as_bytes()),
            Charset::Other(encoding) => {
                let mut encoder = encoding.new_encoder();
                let mut rest = text;
                loop {
                    let room = rest.len().saturating_mul(4).max(64);
                    let start = to.len();
                    to.resize(start + room, 0);
                    let (result, read, written) =
                        encoder.encode_from_utf8_without_replacement(rest, &mut to[start..], true);
                    to.truncate(start + written);
                    rest = &rest[read..];
                    match result {
                        EncoderResult::InputEmpty => break,
                        EncoderResult::OutputFull => {}
                        EncoderResult::Unmappable(character) => lacking.replace(character, to),
                    }
                }
            }
        }
    }
}

/// What to write for a character that the character set lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lacking {
    /// Its number: `\u0119`.
    #[default]
    Backslash,
    /// A question mark.
    QuestionMark,
    /// Its number as XML writes it: `&#281;`.
    Xml,
    /// Nothing.
    Nothing,
}

impl Lacking {
    fn replace(self, character: char, to: &mut Vec<u8>) {
        let number = u32::from(character);
        let text = match self {
            Lacking::Backslash if number <= 0xff => format!("\\x{number:02x}"),
            Lacking::Backslash if number <= 0xffff => format!("\\u{number:04x}"),
            Lacking::Backslash => format!("\\U{number:08x}"),
            Lacking::QuestionMark => "?".to_owned(),
            Lacking::Xml => format!("&#{number};"),
            Lacking::Nothing => return,
        };
        to.extend_from_slice(text.as_bytes());
    }
}

/// Bytes that do not stand for text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoText {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {line}: the bytes are not valid in this encoding")]
    Malformed { line: u64 },
}

/// Text read piece by piece from bytes.
pub(crate) struct TextReader<R> {
    from: R,
    decoder: Option<Decoder>,
    charset: Charset,
    /// Whether bytes that do not stand for text are an error.
    strict: bool,
    bytes: Vec<u8>,
    /// Bytes that the decoder has not taken yet.
    left: std::ops::Range<usize>,
    ended: bool,
    finished: bool,
    line: u64,
    /// Whether something was replaced.
    replaced: bool,
}

impl<R: Read> TextReader<R> {
    pub(crate) fn new(from: R, charset: Charset, strict: bool) -> TextReader<R> {
        TextReader {
            from,
            decoder: charset.decoder(),
            charset,
            strict,
            bytes: vec![0; 64 << 10],
            left: 0..0,
            ended: false,
            finished: false,
            line: 1,
            replaced: false,
        }
    }

    /// Whether something unreadable was replaced so far.
    pub(crate) fn has_replaced(&self) -> bool {
        self.replaced
    }

    /// Appends some more text. `false` at the end.
    pub(crate) fn more(&mut self, to: &mut String) -> Result<bool, NoText> {
        let before = to.len();
        while to.len() == before && !self.finished {
            if self.left.is_empty() && !self.ended {
                let read = loop {
                    match self.from.read(&mut self.bytes) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        other => break other?,
                    }
                };
                self.ended = read == 0;
                self.left = 0..read;
            }
            self.decode(to)?;
        }
        self.line += to[before..].bytes().filter(|byte| *byte == b'\n').count() as u64;
        Ok(to.len() > before)
    }

    fn malformed(&mut self, to: &mut String, before: usize) -> Result<(), NoText> {
        if self.strict {
            let lines = to[before..].bytes().filter(|byte| *byte == b'\n').count() as u64;
            return Err(NoText::Malformed { line: self.line + lines });
        }
        self.replaced = true;
        to.push(char::REPLACEMENT_CHARACTER);
        Ok(())
    }

    fn decode(&mut self, to: &mut String) -> Result<(), NoText> {
        let before = to.len();
        let Some(decoder) = &mut self.decoder else {
            for at in self.left.clone() {
                let byte = self.bytes[at];
                if self.charset == Charset::Ascii && !byte.is_ascii() {
                    self.malformed(to, before)?;
                } else {
                    to.push(char::from(byte));
                }
            }
            self.left = 0..0;
            self.finished = self.ended;
            return Ok(());
        };
        let source = &self.bytes[self.left.clone()];
        to.reserve(decoder.max_utf8_buffer_length_without_replacement(source.len()).unwrap_or(0));
        let (result, read) = decoder.decode_to_string_without_replacement(source, to, self.ended);
        self.left.start += read;
        match result {
            DecoderResult::InputEmpty => self.finished = self.ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => self.malformed(to, before)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(bytes: &[u8], name: &str, strict: bool) -> Result<String, NoText> {
        let mut reader = TextReader::new(bytes, Charset::named(name).unwrap(), strict);
        let mut text = String::new();
        while reader.more(&mut text)? {}
        Ok(text)
    }

    #[test]
    fn names_of_python_and_of_the_web() {
        for name in [
            "utf-8",
            "UTF8",
            "utf_8",
            "utf-8-sig",
            "cp1252",
            "windows-1252",
            "latin_1",
            "ISO-8859-1",
            "iso8859-15",
            "shift_jis",
            "koi8-r",
            "utf-16",
            "euc_kr",
            "ascii",
        ] {
            assert!(Charset::named(name).is_some(), "{name}");
        }
        assert_eq!(Charset::named("klingon"), None);
    }

    #[test]
    fn latin_1_is_not_windows_1252() {
        assert_eq!(read(b"\xe6\x80", "iso-8859-1", true).unwrap(), "æ\u{80}");
        assert_eq!(read(b"\xe6\x80", "cp1252", true).unwrap(), "æ€");
    }

    #[test]
    fn byte_order_marks_are_not_text() {
        assert_eq!(read(b"\xef\xbb\xbfa", "utf-8", true).unwrap(), "a");
        assert_eq!(read(b"\xff\xfea\0", "utf-16", true).unwrap(), "a");
        assert_eq!(read(b"\xfe\xff\0a", "utf-16", true).unwrap(), "a");
    }

    #[test]
    fn malformed_bytes_are_told_with_their_line_or_replaced() {
        let error = read(b"a\nb\nc\xff", "utf-8", true).unwrap_err();
        assert!(matches!(error, NoText::Malformed { line: 3 }), "{error}");
        assert_eq!(read(b"a\xffb", "utf-8", false).unwrap(), "a\u{fffd}b");
        // Cut in the middle of a character.
        assert!(read(b"a\xc3", "utf-8", true).is_err());
    }

    #[test]
    fn what_a_charset_lacks_is_replaced_as_asked() {
        let encode = |lacking| {
            let mut bytes = Vec::new();
            Charset::named("iso-8859-15").unwrap().encode("aęb", lacking, &mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(encode(Lacking::Backslash), "a\\u0119b");
        assert_eq!(encode(Lacking::QuestionMark), "a?b");
        assert_eq!(encode(Lacking::Xml), "a&#281;b");
        assert_eq!(encode(Lacking::Nothing), "ab");
    }

    #[test]
    fn text_survives_a_round_trip_where_it_can() {
        let text = "Blåbær på Øya";
        for name in ["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-be", "iso-8859-15"] {
            let charset = Charset::named(name).unwrap();
            let mut bytes = Vec::new();
            charset.encode(text, Lacking::Backslash, &mut bytes);
            assert_eq!(read(&bytes, name, true).unwrap(), text, "{name}");
        }
    }
}

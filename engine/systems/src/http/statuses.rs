//! Ranges of HTTP status codes, as config writes them: `"404,444-450"`.

use std::ops::RangeInclusive;

use reqwest::StatusCode;

/// Some status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// The codes of an expression; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Statuses> {
        let code = |text: &str| text.parse::<u16>().ok().filter(|code| (100..1000).contains(code));
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let range = code(first)?..=code(last)?;
            (!range.is_empty()).then_some(range)
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Statuses)
    }

    pub(crate) fn contains(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }

    pub(crate) fn overlap(&self, other: &Statuses) -> bool {
        self.0.iter().any(|a| other.0.iter().any(|b| a.start() <= b.end() && b.start() <= a.end()))
    }

    /// These and others.
    pub(crate) fn and(&self, other: &Statuses) -> Statuses {
        Statuses([self.0.as_slice(), &other.0].concat())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn expressions_are_codes_and_ranges() {
        let some = Statuses::parse("404,444-450").unwrap();
        let contains = |code: u16| some.contains(StatusCode::from_u16(code).unwrap());
        assert!(contains(404) && contains(444) && contains(450));
        assert!(!contains(405) && !contains(451));
        assert!(some.overlap(&Statuses::parse("400-404").unwrap()));
        assert!(!some.overlap(&Statuses::parse("200-299,405").unwrap()));
        for wrong in ["", "404, 405", "abc", "404-", "450-444", "7"] {
            assert_eq!(Statuses::parse(wrong), None, "{wrong}");
        }
    }
}

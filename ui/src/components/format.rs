//! Numbers and times as people read them.

use js_sys::Date;
use wasm_bindgen::JsValue;

/// A number with its thousands apart: `12 345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A narrow space that does not break.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A size on disk: `3.4 MB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A time span in microseconds: `840 µs`, `12 ms`, `3.2 s`, `4 min 10 s`.
pub fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", micros as f64 / 1e6),
        _ => format!("{} min {} s", micros / 60_000_000, micros / 1_000_000 % 60),
    }
}

/// A moment in microseconds, in local time: `14:03:22` when it is today,
/// `2024-05-17 14:03` when it is not.
pub fn clock(micros: i64) -> String {
    let date = Date::new(&JsValue::from_f64(micros as f64 / 1e3));
    let now = Date::new_0();
    let day = |date: &Date| (date.get_full_year(), date.get_month(), date.get_date());
    let (hours, minutes) = (date.get_hours(), date.get_minutes());
    if day(&date) == day(&now) {
        return format!("{hours:02}:{minutes:02}:{:02}", date.get_seconds());
    }
    let (year, month, day) = day(&date);
    format!("{year}-{:02}-{day:02} {hours:02}:{minutes:02}", month + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3_400_000), "3.4 MB");
        assert_eq!(duration(840), "840 µs");
        assert_eq!(duration(12_000), "12 ms");
        assert_eq!(duration(250_000_000), "4 min 10 s");
    }
}

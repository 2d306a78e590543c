//! Keys and how they are written: `Ctrl+Shift+Z`, `F2`, `?`.

/// Keys that are pressed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pressed {
    name: String,
    typing: bool,
}

impl Pressed {
    /// What is pressed; `None` while only Ctrl and the like are held.
    pub(super) fn of(event: &web_sys::KeyboardEvent) -> Option<Pressed> {
        let control = event.ctrl_key() || event.meta_key();
        Pressed::with(control, event.alt_key(), event.shift_key(), &event.key())
    }

    fn with(control: bool, alt: bool, shift: bool, key: &str) -> Option<Pressed> {
        if matches!(key, "Control" | "Shift" | "Alt" | "Meta" | "AltGraph" | "Dead" | "") {
            return None;
        }
        let mut letters = key.chars();
        let one = letters.next().filter(|_| letters.next().is_none());
        // Which signs need Shift is a matter of the keyboard.
        let shift = shift && one.is_none_or(char::is_alphabetic);
        let key = match one {
            Some(' ') => "Space".to_owned(),
            Some(one) => one.to_uppercase().to_string(),
            None => key.to_owned(),
        };
        let mut name = String::new();
        for (held, word) in [(control, "Ctrl+"), (alt, "Alt+"), (shift, "Shift+")] {
            if held {
                name.push_str(word);
            }
        }
        let function = key.strip_prefix('F').is_some_and(|rest| rest.parse::<u8>().is_ok());
        name.push_str(&key);
        Some(Pressed { name, typing: !control && !alt && !function })
    }

    /// As commands name it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it could be meant as text.
    pub(super) fn may_be_typing(&self) -> bool {
        self.typing
    }
}

/// Keys as they are shown: `Ctrl+Arrow up` for `Ctrl+ArrowUp`.
pub fn named(keys: &str) -> String {
    keys.replace("Arrow", "Arrow ").replace("Escape", "Esc").replace("Delete", "Del")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_named_as_they_are_pressed() {
        let name = |control, alt, shift, key| {
            Pressed::with(control, alt, shift, key).map(|pressed| pressed.name)
        };
        assert_eq!(name(true, false, true, "z").unwrap(), "Ctrl+Shift+Z");
        assert_eq!(name(true, true, false, "Enter").unwrap(), "Ctrl+Alt+Enter");
        assert_eq!(name(false, false, true, "?").unwrap(), "?");
        assert_eq!(name(false, false, false, "F8").unwrap(), "F8");
        assert_eq!(name(true, false, false, " ").unwrap(), "Ctrl+Space");
        assert_eq!(name(true, false, false, "Control"), None);
        assert!(Pressed::with(false, false, false, "/").unwrap().may_be_typing());
        assert!(!Pressed::with(false, false, false, "F8").unwrap().may_be_typing());
        assert!(!Pressed::with(true, false, false, "k").unwrap().may_be_typing());
    }
}

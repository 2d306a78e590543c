//! The commands there are, also those that cannot be run where one is: for the
//! list of keys and the help.

/// Where a command can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere.
    Everywhere,
    /// In the flow.
    Flow,
    /// Where a text is edited.
    Text,
    /// On the screen of a pipe.
    Pipe,
    /// On the screens of systems.
    Systems,
    /// In the desktop window, and in no browser.
    Window,
}

impl Scope {
    /// All, in order.
    pub const ALL: [Scope; 6] =
        [Scope::Everywhere, Scope::Flow, Scope::Text, Scope::Pipe, Scope::Systems, Scope::Window];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Everywhere => "Everywhere",
            Scope::Flow => "Flow",
            Scope::Text => "Texts",
            Scope::Pipe => "A pipe",
            Scope::Systems => "Systems",
            Scope::Window => "Desktop window",
        }
    }

    /// Whether both can be meant at the same time.
    fn meets(self, other: Scope) -> bool {
        let text = |one, two| one == Scope::Text && matches!(two, Scope::Pipe | Scope::Systems);
        let always = |scope| matches!(scope, Scope::Everywhere | Scope::Window);
        self == other || always(self) || always(other) || text(self, other) || text(other, self)
    }
}

/// A command as the list of keys has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Names it.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Its usual keys.
    pub keys: Option<&'static str>,
    /// Where it can be run.
    pub scope: Scope,
}

const fn known(
    id: &'static str,
    title: &'static str,
    keys: Option<&'static str>,
    scope: Scope,
) -> Known {
    Known { id, title, keys, scope }
}

/// The commands there are.
pub const KNOWN: &[Known] = &[
    known("palette", "Search everything", Some("Ctrl+K"), Scope::Everywhere),
    known("keys", "What the keys do", Some("?"), Scope::Everywhere),
    known("filter", "Go to the filter of the screen", Some("/"), Scope::Everywhere),
    known("undo", "Undo", Some("Ctrl+Z"), Scope::Everywhere),
    known("redo", "Redo", Some("Ctrl+Shift+Z"), Scope::Everywhere),
    known("run-all", "Run all pipes", None, Scope::Everywhere),
    known("stop-all", "Stop all pipes", None, Scope::Everywhere),
    known("go-flow", "Go to Flow", Some("Ctrl+1"), Scope::Everywhere),
    known("go-pipes", "Go to Pipes", Some("Ctrl+2"), Scope::Everywhere),
    known("go-datasets", "Go to Datasets", Some("Ctrl+3"), Scope::Everywhere),
    known("go-systems", "Go to Systems", Some("Ctrl+4"), Scope::Everywhere),
    known("go-duplicates", "Go to Duplicates", Some("Ctrl+5"), Scope::Everywhere),
    known("go-monitor", "Go to Monitor", Some("Ctrl+6"), Scope::Everywhere),
    known("go-connections", "Go to Connections", Some("Ctrl+7"), Scope::Everywhere),
    known("go-settings", "Go to Settings", Some("Ctrl+,"), Scope::Everywhere),
    known("compare", "Compare with another connection", None, Scope::Everywhere),
    known("add-files", "Add data files", None, Scope::Everywhere),
    known("tour", "Take the tour", None, Scope::Everywhere),
    known("theme-light", "Light colours", None, Scope::Everywhere),
    known("theme-dark", "Dark colours", None, Scope::Everywhere),
    known("theme-system", "Colours as the desktop has them", None, Scope::Everywhere),
    known("flow-fit", "Show the whole flow", Some("Ctrl+0"), Scope::Flow),
    known("flow-open", "Open what is selected", None, Scope::Flow),
    known("new-pipe", "New pipe from what is selected", None, Scope::Flow),
    known("merge", "Merge datasets", None, Scope::Flow),
    known("flow-new-system", "New system in the flow", None, Scope::Flow),
    known("flow-all", "Select everything in the flow", None, Scope::Flow),
    known("flow-copy", "Duplicate what is selected", None, Scope::Flow),
    known("flow-remove", "Remove what is selected", None, Scope::Flow),
    known("flow-lay-out", "Lay out the whole flow", None, Scope::Flow),
    known("flow-lay-out-chosen", "Lay out what is selected", None, Scope::Flow),
    known("save", "Save", Some("Ctrl+S"), Scope::Text),
    known("pipe-run", "Run the pipe", Some("Ctrl+Enter"), Scope::Pipe),
    known("trace-step", "Step to the next rule", Some("F10"), Scope::Pipe),
    known("trace-back", "Step back", Some("Shift+F10"), Scope::Pipe),
    known("trace-stop", "Stop at this line, or not", Some("F9"), Scope::Pipe),
    known("trace-skip", "On to the next stop", Some("F8"), Scope::Pipe),
    known("trace-skip-back", "Back to the last stop", Some("Shift+F8"), Scope::Pipe),
    known("system-test", "Test the connection", Some("Ctrl+Enter"), Scope::Systems),
    known("new-system", "New system", None, Scope::Systems),
    known("open-folder", "Open a folder", None, Scope::Window),
    known("close-window", "Close the window", None, Scope::Window),
];

/// What is known of a command.
pub(super) fn of(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}

/// The other commands that the same keys would run, by `keys_of`.
pub fn clashes(one: &Known, keys_of: impl Fn(&str) -> Option<String>) -> Vec<&'static Known> {
    let Some(keys) = keys_of(one.id) else { return Vec::new() };
    let others = KNOWN.iter().filter(|other| other.id != one.id && other.scope.meets(one.scope));
    others.filter(|other| keys_of(other.id).as_deref() == Some(keys.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_keys_are_clear() {
        let usual = |id: &str| of(id).and_then(|known| known.keys).map(str::to_owned);
        for one in KNOWN {
            assert_eq!(clashes(one, usual), Vec::<&Known>::new(), "{}", one.id);
            assert_eq!(KNOWN.iter().filter(|other| other.id == one.id).count(), 1, "{}", one.id);
        }
        let changed = |id: &str| match id {
            "save" => Some("Ctrl+K".to_owned()),
            id => usual(id),
        };
        let save = KNOWN.iter().find(|known| known.id == "save");
        let found: Vec<&str> =
            save.iter().flat_map(|save| clashes(save, changed)).map(|it| it.id).collect();
        assert_eq!(found, ["palette"]);
    }
}

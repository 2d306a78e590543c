//! The window's own menu. What is in it comes from the page, which has the one
//! registry of commands; a line that is chosen goes back there.

use std::sync::{Mutex, PoisonError};

use pipewright_protocol::shell::{Happening, Menu as Wanted, MenuLine};
use tauri::{
    AppHandle, Manager, Wry,
    menu::{Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu},
};

use crate::happenings::Happenings;

/// The line that the shell adds itself.
const QUIT: &str = "quit";

/// The menu that is shown.
#[derive(Default)]
pub(crate) struct Menus(Mutex<Shown>);

#[derive(Default)]
struct Shown {
    wanted: Vec<Wanted>,
    items: Vec<MenuItem<Wry>>,
}

/// Lines of all menus, in order.
fn lines(menus: &[Wanted]) -> impl Iterator<Item = &MenuLine> {
    menus.iter().flat_map(|menu| menu.lines.iter().flatten())
}

/// Whether only what can be done now differs.
fn same_but_enabled(a: &[Wanted], b: &[Wanted]) -> bool {
    let plain = |menus: &[Wanted]| {
        let mut menus = menus.to_vec();
        let lines = menus.iter_mut().flat_map(|menu| menu.lines.iter_mut().flatten());
        lines.for_each(|line| line.enabled = true);
        menus
    };
    plain(a) == plain(b)
}

impl Menus {
    /// Shows these menus. One that is there already is not made anew, so that
    /// it stays open under the mouse.
    pub(crate) fn show(&self, app: &AppHandle, wanted: Vec<Wanted>) -> tauri::Result<()> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if same_but_enabled(&shown.wanted, &wanted) {
            let changed = lines(&shown.wanted).zip(lines(&wanted)).zip(&shown.items);
            for ((old, new), item) in changed {
                if old.enabled != new.enabled {
                    item.set_enabled(new.enabled)?;
                }
            }
        } else {
            let mut items = Vec::new();
            app.set_menu(built(app, &wanted, &mut items)?)?;
            shown.items = items;
        }
        shown.wanted = wanted;
        Ok(())
    }
}

fn built(
    app: &AppHandle,
    wanted: &[Wanted],
    items: &mut Vec<MenuItem<Wry>>,
) -> tauri::Result<Menu<Wry>> {
    let bar = Menu::new(app)?;
    for (place, menu) in wanted.iter().enumerate() {
        let submenu = Submenu::new(app, &menu.title, true)?;
        for line in &menu.lines {
            let Some(line) = line else {
                submenu.append(&PredefinedMenuItem::separator(app)?)?;
                continue;
            };
            // Keys that the desktop cannot express still work in the page.
            let with_keys = line.keys.as_deref().map(|keys| {
                let keys = keys.replace("Ctrl+", "CmdOrCtrl+");
                MenuItem::with_id(app, &line.id, &line.title, line.enabled, Some(keys))
            });
            let item = match with_keys {
                Some(Ok(item)) => item,
                _ => MenuItem::with_id(app, &line.id, &line.title, line.enabled, None::<&str>)?,
            };
            submenu.append(&item)?;
            items.push(item);
        }
        if place == 0 {
            submenu.append(&PredefinedMenuItem::separator(app)?)?;
            submenu.append(&MenuItem::with_id(app, QUIT, "Quit", true, Some("CmdOrCtrl+Q"))?)?;
        }
        bar.append(&submenu)?;
    }
    Ok(bar)
}

/// A line was chosen.
pub(crate) fn chosen(app: &AppHandle, event: &MenuEvent) {
    let id = event.id().as_ref();
    if id != QUIT {
        app.state::<Happenings>().tell_user(app, &Happening::Command(id.to_owned()));
        return;
    }
    for window in app.webview_windows().values() {
        if let Err(error) = window.close() {
            tracing::warn!("a window does not close: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_is_made_anew_only_when_its_lines_are_others() {
        let menu = |title: &str, enabled| {
            let line = |id: &str| {
                let id = id.to_owned();
                Some(MenuLine { title: id.clone(), id, keys: None, enabled })
            };
            vec![Wanted { title: title.into(), lines: vec![line("undo"), None, line("redo")] }]
        };
        assert!(same_but_enabled(&menu("Edit", true), &menu("Edit", false)));
        assert!(!same_but_enabled(&menu("Edit", true), &menu("View", true)));
        assert_eq!(lines(&menu("Edit", true)).count(), 2);
    }
}

//! One API: the page has no second way into the desktop program.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn there_is_one_command_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut commands, mut handlers) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        commands += text.matches("#[tauri::command").count();
        handlers.extend(
            text.split("generate_handler![")
                .skip(1)
                .filter_map(|rest| rest.split(']').next())
                .map(str::to_owned),
        );
    }
    assert_eq!(commands, 1);
    assert_eq!(handlers, ["command::api"]);
}

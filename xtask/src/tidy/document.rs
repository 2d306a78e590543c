//! The table of rooms in `docs/architecture.md` says what is checked.

use super::arrows::{ROOMS, Uses, short};

/// Where the table is.
pub(super) const FILE: &str = "docs/architecture.md";

/// One line of the table.
struct Row<'a> {
    folder: &'a str,
    room: &'a str,
    may_use: &'a str,
}

/// Where the table in the text and the plan differ.
pub(super) fn check(text: &str) -> Vec<String> {
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    let mut problems = Vec::new();
    for row in &rows {
        let Some(room) = ROOMS.iter().find(|room| room.name == row.room) else {
            problems.push(format!("{FILE}: {} is not in xtask/src/tidy/arrows.rs", row.room));
            continue;
        };
        let mut said: Vec<&str> = match row.may_use {
            "–" => vec![],
            "anything" => vec!["anything"],
            "all of engine" => engine_below(&rows, row.room),
            names => names.split(',').map(str::trim).collect(),
        };
        let mut checked = match room.uses {
            Uses::Nothing => vec![],
            Uses::Everything => vec!["anything"],
            Uses::Only(names) => names.to_vec(),
        };
        said.sort_unstable();
        checked.sort_unstable();
        if said != checked {
            problems.push(format!(
                "{FILE}: {} may use {said:?} there, but {checked:?} in xtask/src/tidy/arrows.rs",
                row.room
            ));
        }
    }
    for room in ROOMS.iter().filter(|room| !room.name.starts_with("xtask-")) {
        if rows.iter().all(|row| row.room != room.name) {
            problems.push(format!("{FILE}: the table of rooms has no line for {}", room.name));
        }
    }
    problems
}

/// A line that names a crate; the table's head and other tables do not.
fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [folder, name, _, may_use, ..] = cells.as_slice() else { return None };
    let code = |cell| str::strip_prefix(cell, '`').and_then(|cell| cell.strip_suffix('`'));
    Some(Row { folder: code(folder)?, room: short(code(name)?), may_use })
}

/// The rooms of the engine that stand before this one.
fn engine_below<'a>(rows: &[Row<'a>], room: &str) -> Vec<&'a str> {
    let engine = rows.iter().filter(|row| row.folder.starts_with("engine/"));
    engine.map(|row| row.room).take_while(|name| *name != room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as the plan would have it.
    fn table() -> String {
        ROOMS
            .iter()
            .map(|room| {
                let folder = if room.name == "xtask" { "xtask" } else { "engine/x" };
                let uses = match room.uses {
                    Uses::Nothing => "–".to_owned(),
                    Uses::Everything => "anything".to_owned(),
                    Uses::Only(names) => names.join(", "),
                };
                format!("| `{folder}` | `pipewright-{}` | things | {uses} |\n", room.name)
            })
            .collect()
    }

    #[test]
    fn a_table_that_tells_the_plan_is_fine() {
        assert_eq!(check(&table()), [""; 0]);
    }

    #[test]
    fn another_arrow_is_found() {
        let text = table().replace(
            "`pipewright-store` | things | entity",
            "`pipewright-store` | things | entity, dtl",
        );
        let problems = check(&text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("store may use [\"dtl\", \"entity\"] there"), "{problems:?}");
    }

    #[test]
    fn a_missing_line_and_one_too_many_are_found() {
        let text = table().replace("pipewright-sync", "pipewright-attic");
        let problems = check(&text);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn all_of_engine_is_what_stands_above() {
        let text = "| `engine/a` | `pipewright-a` | x | – |\n| `engine/b` | `pipewright-b` | x | a |\n\
                    | `engine/c` | `pipewright-c` | x | all of engine |\n| `ui` | `u` | x | – |";
        let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
        assert_eq!(engine_below(&rows, "c"), ["a", "b"]);
    }
}

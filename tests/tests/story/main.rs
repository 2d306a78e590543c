//! Stories: what a person does in the studio, from the first look to the file
//! on disk. Told in a browser against `pipewright serve` and in the desktop
//! window.

mod build_a_flow;
mod by_keyboard;
mod change_a_rule;
mod changed_on_disk;
mod clear_a_dead_letter;
mod command_line;
mod data_files;
mod desktop_manners;
mod draw_a_pipe;
mod every_screen;
mod find_an_entity;
mod make_a_flow;
mod palette;
mod pin_a_sample;
mod quiet;
mod rename_a_pipe;
mod settings;
mod tour;
mod trace_a_value;
mod two_nodes;
mod updates;
mod write_with_help;

use anyhow::{Context, Result};
use pipewright_tests::story::{Host, Key, Scene, Untold, tell};

/// A story as a test in each host: in a browser and, where the second name is
/// given, in the desktop window.
macro_rules! stories {
    ($($story:ident: $browser:ident $(, $desktop:ident)?;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $browser() -> Result<(), Untold> {
                tell(Host::Browser, $story::told).await
            }

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $desktop() -> Result<(), Untold> {
                    tell(Host::Desktop, $story::told).await
                }
            )?
        )+
    };
}

stories! {
    build_a_flow: story_build_a_flow_in_a_browser, story_build_a_flow_in_the_window;
    by_keyboard: story_by_keyboard_in_a_browser, story_by_keyboard_in_the_window;
    change_a_rule: story_change_a_rule_in_a_browser, story_change_a_rule_in_the_window;
    changed_on_disk: story_changed_on_disk_in_a_browser, story_changed_on_disk_in_the_window;
    clear_a_dead_letter: story_clear_a_dead_letter_in_a_browser, story_clear_a_dead_letter_in_the_window;
    command_line: story_command_line_in_a_browser, story_command_line_in_the_window;
    data_files: story_data_files_in_a_browser, story_data_files_in_the_window;
    draw_a_pipe: story_draw_a_pipe_in_a_browser, story_draw_a_pipe_in_the_window;
    every_screen: story_every_screen_in_a_browser;
    find_an_entity: story_find_an_entity_in_a_browser, story_find_an_entity_in_the_window;
    make_a_flow: story_make_a_flow_in_a_browser, story_make_a_flow_in_the_window;
    palette: story_palette_in_a_browser, story_palette_in_the_window;
    pin_a_sample: story_pin_a_sample_in_a_browser;
    quiet: story_quiet_in_a_browser, story_quiet_in_the_window;
    rename_a_pipe: story_rename_a_pipe_in_a_browser, story_rename_a_pipe_in_the_window;
    settings: story_settings_in_a_browser;
    tour: story_tour_in_a_browser;
    trace_a_value: story_trace_a_value_in_a_browser;
    two_nodes: story_two_nodes_in_a_browser, story_two_nodes_in_the_window;
    write_with_help: story_write_with_help_in_a_browser;
}

/// The desktop has manners that no browser has.
#[tokio::test(flavor = "multi_thread")]
async fn story_desktop_manners_in_the_window() -> Result<(), Untold> {
    tell(Host::Desktop, desktop_manners::told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn story_updates_in_the_window() -> Result<(), Untold> {
    updates::in_the_window().await
}

/// The pipe whose rules the stories change.
const PIPE: &str = "crm-company-enrich";
/// Its file.
const FILE: &str = "pipes/crm-company-enrich.conf.json";
/// What is typed into its rules, behind the first one.
const TYPED: &str = " [\"add\", \"story\", \"told\"],";

/// Something written in the editor; a whole line may be wider than the window.
const WORD: &str = ".monaco-editor .view-line span span";

/// Opens the pipe from the list of pipes.
async fn open_pipe(scene: &Scene) -> Result<()> {
    let window = &scene.window;
    window.click("a[href='/pipes']").await?;
    window.click(&format!("[data-testid=pipes] .table-row[data-key='{PIPE}']")).await?;
    window.until("[data-testid=pipe] h1", |text| text == PIPE).await?;
    window.find(".monaco-editor .view-line").await?;
    Ok(())
}

/// Types [`TYPED`] into the open pipe, whose file holds `text`.
async fn type_a_rule(scene: &Scene, text: &str) -> Result<()> {
    behind_the_first_rule(scene, text).await?;
    scene.window.type_text(TYPED).await
}

/// Puts the cursor behind the first rule of the open pipe, whose file holds
/// `text`.
async fn behind_the_first_rule(scene: &Scene, text: &str) -> Result<()> {
    let window = &scene.window;
    let line =
        text.lines().position(|line| line.contains("[\"copy\", \"*\"]")).context("no copy")?;
    window.click(WORD).await?;
    window.control(Key::Home).await?;
    window.press(Key::Down, line).await?;
    window.press(Key::End, 1).await
}

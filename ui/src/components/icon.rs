//! The icons, drawn on a 16 px grid with one stroke width.

use leptos::prelude::*;

/// What an icon stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// The graph.
    Flow,
    /// A pipe.
    Pipe,
    /// A dataset.
    Dataset,
    /// An outside system.
    System,
    /// Merged records.
    Merge,
    /// Projects and nodes.
    Connection,
    /// A folder.
    Folder,
    /// A file.
    File,
    /// Start.
    Play,
    /// Stop.
    Stop,
    /// How all fares.
    Monitor,
    /// Look for.
    Search,
    /// Leave, remove.
    Close,
    /// It is so.
    Check,
    /// Take back.
    Undo,
    /// Do again.
    Redo,
    /// Write to disk.
    Save,
    /// More to choose from.
    More,
    /// Opens downwards.
    Down,
    /// Goes up.
    Up,
    /// What the user prefers.
    Settings,
    /// What can be asked.
    Help,
    /// Needs attention.
    Warning,
    /// Has failed.
    Error,
    /// Light colours.
    Sun,
    /// Dark colours.
    Moon,
    /// Fit all in view.
    Fit,
    /// Nearer, add.
    Plus,
    /// Farther.
    Minus,
    /// Any one.
    Dice,
    /// Again.
    Refresh,
    /// Held back.
    Lock,
    /// Only some of them.
    Filter,
    /// Something to be told of.
    Bell,
    /// Columns of a table.
    Columns,
    /// Take a copy.
    Copy,
    /// Elsewhere.
    External,
    /// Versions.
    History,
    /// One step on.
    Step,
    /// One step back.
    StepBack,
    /// On to the next place to stop.
    Skip,
    /// Back to the place to stop before.
    SkipBack,
    /// Keep as it is.
    Pin,
}

impl Sign {
    fn path(self) -> &'static str {
        match self {
            Sign::Flow => {
                "M2 3.5h4v3H2zM10 2h4v3h-4zM10 11h4v3h-4zM6 5h1.5a1 1 0 0 0 1-1 .5.5 0 0 1 .5-.5h1M6 5h.5a2 2 0 0 1 2 2v4a1.5 1.5 0 0 0 1.5 1.5"
            }
            Sign::Pipe => "M2 4h3v3H2zM5 5.5h3.5a2 2 0 0 1 2 2v1a2 2 0 0 0 .5 1.5M11 9h3v3h-3z",
            Sign::Dataset => {
                "M2.5 4c0-1.1 2.5-2 5.5-2s5.500.9 5.500 2-2.500 2-5.500 2-5.500-.9-5.500-2zM2.500 4v8c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2V4M2.500 8c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2"
            }
            Sign::System => {
                "M2.500 2.500h11v4.500h-11zM2.500 9h11v4.500h-11zM5 4.750h.01M5 11.250h.01"
            }
            Sign::Merge => {
                "M3 2.500v2A3.500 3.500 0 0 0 6.500 8H13M3 13.500v-2A3.500 3.500 0 0 1 6.500 8M10.500 5.500 13 8l-2.500 2.500"
            }
            Sign::Connection => {
                "M6.500 9.500l3-3M7 4.500l1.250-1.250a3.180 3.180 0 0 1 4.500 4.500L11.500 9M9 11.500l-1.250 1.250a3.180 3.180 0 0 1-4.500-4.500L4.500 7"
            }
            Sign::Folder => {
                "M1.750 4a1 1 0 0 1 1-1H6l1.500 2h5.750a1 1 0 0 1 1 1v6.250a1 1 0 0 1-1 1H2.750a1 1 0 0 1-1-1z"
            }
            Sign::File => "M4 1.750h5L12.500 5.250v9H4zM9 1.750v3.500h3.500",
            Sign::Play => "M4.500 3v10l8-5z",
            Sign::Stop => "M4 4h8v8H4z",
            Sign::Monitor => "M1.500 8.500h3l2-5 3 9 2-5 1 1h2",
            Sign::Search => {
                "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.300 10.300 14 14"
            }
            Sign::Close => "M4 4l8 8M12 4l-8 8",
            Sign::Check => "M3 8.500l3.500 3.500L13 4.500",
            Sign::Undo => "M5.500 3 2.500 6l3 3M2.500 6H10a3.500 3.500 0 0 1 0 7H6",
            Sign::Redo => "M10.500 3l3 3-3 3M13.500 6H6a3.500 3.500 0 0 0 0 7h4",
            Sign::Save => {
                "M2.500 2.500h8.500l2.500 2.500v8.500h-11zM5 2.500v3.500h5v-3.500M4.500 13.500v-4h7v4"
            }
            Sign::More => "M3.500 8h.01M8 8h.01M12.500 8h.01",
            Sign::Down => "M4 6.500 8 10.500l4-4",
            Sign::Up => "M8 13V3.500M4 7.500l4-4 4 4",
            Sign::Settings => {
                "M2 4.500h6.500M12 4.500h2M2 11.500h2M7.500 11.500H14M8.500 4.500a1.750 1.750 0 1 0 3.500 0 1.750 1.750 0 1 0-3.500 0M4 11.500a1.750 1.750 0 1 0 3.500 0 1.750 1.750 0 1 0-3.500 0"
            }
            Sign::Help => {
                "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.250 6.250a1.800 1.800 0 1 1 2.600 1.600c-.6.300-.85.650-.85 1.300M8 11.300h.01"
            }
            Sign::Warning => "M8 2.250 14.500 13.500h-13zM8 6.500v3.250M8 11.750h.01",
            Sign::Error => "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.500M8 10.900h.01",
            Sign::Sun => {
                "M8 10.750a2.750 2.750 0 1 0 0-5.500 2.750 2.750 0 0 0 0 5.500zM8 1.500v1.250M8 13.250v1.250M1.500 8h1.250M13.250 8h1.250M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9"
            }
            Sign::Moon => "M13.500 9.500A5.750 5.750 0 0 1 6.500 2.500a5.750 5.750 0 1 0 7 7z",
            Sign::Fit => "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
            Sign::Plus => "M8 3v10M3 8h10",
            Sign::Minus => "M3 8h10",
            Sign::Dice => {
                "M3 3h10v10H3zM5.750 5.750h.01M10.250 5.750h.01M8 8h.01M5.750 10.250h.01M10.250 10.250h.01"
            }
            Sign::Refresh => "M13 8a5 5 0 1 1-1.500-3.550M13 2v3h-3",
            Sign::Lock => "M3.500 7h9v6.500h-9zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
            Sign::Columns => "M2.500 3h11v10h-11zM6.200 3v10M9.800 3v10",
            Sign::Filter => "M2.500 3.500h11L9.500 8.500v4l-3 1v-5z",
            Sign::Bell => "M4 11V7a4 4 0 0 1 8 0v4l1 1.250H3zM6.750 14.250h2.500",
            Sign::Copy => "M5.500 5.500h8v8h-8zM3 10.500h-.5v-8h8V3",
            Sign::External => "M6 3H3v10h10v-3M9 2.500h4.500V7M13.500 2.500 7.500 8.500",
            Sign::History => {
                "M2.750 8a5.250 5.250 0 1 0 1.750-3.900L2.750 5.500M2.750 2.500v3h3M8 5v3.250l2.250 1.250"
            }
            Sign::Step => "M2.500 8h7.500M7 4.750 10.250 8 7 11.250M13.250 3.500v9",
            Sign::StepBack => "M13.500 8H6M9 4.750 5.750 8 9 11.250M2.750 3.500v9",
            Sign::Skip => "M3 3.750v8.500L8 8zM8 3.750v8.500L13 8z",
            Sign::SkipBack => "M13 3.750v8.500L8 8zM8 3.750v8.500L3 8z",
            Sign::Pin => {
                "M9.500 2.250 13.750 6.500l-1.750.5-3 3-.25 3.250L2.750 7.250 6 7l3-3zM5.500 10.500 2.250 13.750"
            }
        }
    }
}

/// An icon; decorative, so the control around it carries the name.
#[component]
pub fn Icon(
    /// What it shows.
    #[prop(into)]
    sign: Signal<Sign>,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=move || sign.get().path() />
        </svg>
    }
}

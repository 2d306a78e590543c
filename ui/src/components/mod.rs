//! The small design system: every control on every screen comes from here, and
//! their looks from `style/parts.css`.

mod button;
mod chart;
mod dialog;
mod empty;
mod field;
mod figure;
mod form;
mod format;
mod icon;
mod link;
mod list;
mod menu;
mod split;
mod state;
mod tabs;
mod toast;
mod tooltip;

pub use button::{Button, IconButton, Kind};
pub use chart::{Chart, Draw, Point, Series, Sparkline, Tone};
pub use dialog::Dialog;
pub use empty::{Empty, Problem, Waiting};
pub use field::{Field, Search, Select, Switch};
pub use figure::Figure;
pub use form::Form;
pub use format::{bytes, clock, count, duration};
pub use icon::{Icon, Sign};
pub use link::Link;
pub use list::{Column, Table, VirtualList};
pub use menu::{Menu, MenuAt, MenuItem};
pub use split::Split;
pub use state::{StateChip, StateDot, state_name, state_rank};
pub use tabs::Tabs;
pub use toast::{ToastBoard, Toasts, use_toasts};
pub use tooltip::Tooltips;

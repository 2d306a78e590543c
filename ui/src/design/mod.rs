//! The design system on one page: every token and every control, as screens
//! use them. The page is in no menu; its address is `/design`.

mod samples;
mod tokens;

use leptos::prelude::*;

use crate::{
    components::Button,
    state::{Theme, use_prefs},
};

/// One part of the page.
#[component]
fn Part(
    /// What it shows.
    title: &'static str,
    /// The controls.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="design-part" aria-label=title>
            <h2>{title}</h2>
            <div class="design-row">{children()}</div>
        </section>
    }
}

/// The page.
#[component]
pub fn DesignScreen() -> impl IntoView {
    let prefs = use_prefs();
    let other = move || if prefs.dark() { Theme::Light } else { Theme::Dark };
    view! {
        <div class="page scroll" data-testid="design" tabindex="0">
            <header class="page-head">
                <h1>"Design"</h1>
                <span class="page-note">"Every token and every control of the studio"</span>
                <div class="page-actions">
                    <Button label="Other theme" id="design-theme" on_click=move || prefs.set_theme(untrack(other)) />
                </div>
            </header>
            <div class="design">
                <tokens::Tokens />
                <samples::Samples />
            </div>
        </div>
    }
}

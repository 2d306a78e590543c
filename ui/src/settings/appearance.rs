//! Colours, density and the text editor.

use leptos::prelude::*;

use crate::{
    components::Switch,
    state::{Density, TEXT_SIZES, Theme, use_prefs},
};

/// What it all looks like.
#[component]
pub(super) fn Appearance() -> impl IntoView {
    let prefs = use_prefs();
    let themes =
        [(Theme::System, "As the desktop"), (Theme::Light, "Light"), (Theme::Dark, "Dark")];
    let densities = [(Density::Normal, "Normal"), (Density::Compact, "Compact")];
    view! {
        <header class="page-head"><h1>"Appearance"</h1></header>
        <div class="settings-form">
            <h2>"Colours"</h2>
            <div class="segments" role="group" aria-label="Theme">
                {themes.map(|(theme, name)| view! {
                    <button type="button" aria-pressed=move || (prefs.theme() == theme).to_string() on:click=move |_| prefs.set_theme(theme)>{name}</button>
                })}
            </div>
            <h2>"Lists"</h2>
            <div class="segments" role="group" aria-label="Density" data-testid="density">
                {densities.map(|(density, name)| view! {
                    <button type="button" aria-pressed=move || (prefs.density() == density).to_string() on:click=move |_| prefs.set_density(density)>{name}</button>
                })}
            </div>
            <h2>"Text editor"</h2>
            <div class="segments" role="group" aria-label="Size of the text" data-testid="text-size">
                {TEXT_SIZES.map(|size| view! {
                    <button type="button" aria-pressed=move || (prefs.text_size() == size).to_string() on:click=move |_| prefs.set_text_size(size)>{format!("{size} px")}</button>
                })}
            </div>
            <Switch label="Long lines go on below" on=Signal::derive(move || prefs.wrap()) id="wrap" on_change=move |on| prefs.set_wrap(on) />
            <p class="hint">"Motion is reduced where the desktop asks for it."</p>
        </div>
    }
}

//! Bytes as a file, handed out as browsers hand out files.

use wasm_bindgen::{JsCast, JsValue};

use super::Failure;

/// Offers the bytes as a file with this name.
pub fn hand_out(bytes: &[u8], name: &str) -> Result<(), Failure> {
    let offer = || -> Result<(), JsValue> {
        let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
        let blob = web_sys::Blob::new_with_u8_array_sequence(&parts)?;
        let url = web_sys::Url::create_object_url_with_blob(&blob)?;
        let document = leptos::prelude::document();
        let link: web_sys::HtmlAnchorElement = document.create_element("a")?.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
        web_sys::Url::revoke_object_url(&url)
    };
    offer().map_err(|_| Failure::Unreachable("this browser hands out no files".into()))
}

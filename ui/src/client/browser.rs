//! Plain `fetch` to the node that served the page, with a bearer token.
//!
//! The token comes with the access link, behind the `#`, which browsers never
//! send. It moves to the tab's session storage and leaves the address at once,
//! so that it is in no history entry and no copied link.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, ReadableStreamDefaultReader, RequestInit};

use super::{Failure, Local, Part, Request, Response, Stream, Transport, check, lines::Lines};

const TOKEN: &str = "pipewright.token";

/// Talks to the node the page came from, or to another one.
pub struct Browser {
    /// The address of another node; empty for the own one.
    base: String,
    token: Option<String>,
}

impl Browser {
    /// Takes the token out of the address, or the one the tab already has.
    pub fn new() -> Self {
        let storage = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
        if let Some(token) = token_from_address()
            && let Some(storage) = &storage
        {
            // A tab without storage still works until it is reloaded.
            let _ = storage.set_item(TOKEN, &token);
            return Self { base: String::new(), token: Some(token) };
        }
        let token = storage.and_then(|storage| storage.get_item(TOKEN).ok().flatten());
        Self { base: String::new(), token }
    }

    /// Talks to the node at an address, without a slash at its end.
    pub fn to(base: &str, token: &str) -> Self {
        Self { base: base.to_owned(), token: Some(token.to_owned()) }
    }

    fn init(&self, request: &Request) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        init.set_method(request.method);
        let headers = web_sys::Headers::new()?;
        if let Some(token) = &self.token {
            headers.set("authorization", &format!("Bearer {token}"))?;
        }
        if let Some((kind, body)) = &request.body {
            headers.set("content-type", kind)?;
            init.set_body(&js_sys::Uint8Array::from(body.as_slice()));
        }
        init.set_headers(&headers);
        init.set_cache(web_sys::RequestCache::NoStore);
        Ok(init)
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

fn token_from_address() -> Option<String> {
    let window = web_sys::window()?;
    let location = window.location();
    let hash = location.hash().ok()?;
    let token = hash.strip_prefix("#token=")?.to_owned();
    let clean = format!("{}{}", location.pathname().ok()?, location.search().ok()?);
    window.history().ok()?.replace_state_with_url(&JsValue::NULL, "", Some(&clean)).ok()?;
    (!token.is_empty()).then_some(token)
}

fn unreachable(error: &JsValue) -> Failure {
    let text = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    Failure::Unreachable(text.unwrap_or_else(|| "the connection was lost".into()))
}

async fn fetch(path: &str, init: &RequestInit) -> Result<web_sys::Response, JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    JsFuture::from(window.fetch_with_str_and_init(path, init)).await?.dyn_into()
}

async fn body(response: &web_sys::Response) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(response.array_buffer()?).await?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

impl Transport for Browser {
    fn call(&self, request: Request) -> Local<'_, Result<Response, Failure>> {
        Box::pin(async move {
            let answer = async {
                let init = self.init(&request)?;
                let address = format!("{}{}", self.base, request.path);
                let response = fetch(&address, &init).await?;
                Ok(Response { status: response.status(), body: body(&response).await? })
            };
            answer.await.map_err(|error: JsValue| unreachable(&error))
        })
    }

    fn stream(&self, path: &str, read: Rc<dyn Fn(Part)>) -> Stream {
        let request = Request { method: "GET", path: path.to_owned(), body: None };
        let (Ok(init), Ok(abort)) = (self.init(&request), AbortController::new()) else {
            read(Part::Closed(Some(Failure::Unreachable("this browser cannot stream".into()))));
            return Stream(None);
        };
        init.set_signal(Some(&abort.signal()));
        let signal = abort.signal();
        let address = format!("{}{}", self.base, request.path);
        spawn_local(async move {
            let end = follow(&address, &init, &read).await;
            // Who stopped the stream does not want to hear that it ended.
            if !signal.aborted() {
                read(Part::Closed(end.err()));
            }
        });
        Stream::new(move || abort.abort())
    }
}

async fn follow(path: &str, init: &RequestInit, read: &Rc<dyn Fn(Part)>) -> Result<(), Failure> {
    let lost = |error: JsValue| unreachable(&error);
    let response = fetch(path, init).await.map_err(lost)?;
    if !response.ok() {
        let body = body(&response).await.map_err(lost)?;
        return check(Response { status: response.status(), body }).map(drop);
    }
    read(Part::Open);
    let Some(stream) = response.body() else { return Ok(()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut lines = Lines::default();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(lost)?;
        let field = |name: &str| {
            js_sys::Reflect::get(&chunk, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
        };
        if field("done").is_truthy() {
            return Ok(());
        }
        let bytes = js_sys::Uint8Array::new(&field("value")).to_vec();
        lines.push(&bytes, |line| read(Part::Line(line)));
    }
}

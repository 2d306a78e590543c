//! Requests through the desktop shell: one command carries them all, one
//! channel carries each stream.
//!
//! The shell knows the address and the token of every connection; the page
//! only names the connection.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
};

use pipewright_protocol::shell::{self, Head};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{Failure, Local, Part, Request, Response, Stream, Transport, check, lines::Lines};

#[wasm_bindgen]
extern "C" {
    /// `window.__TAURI__.core`, which the shell puts into its own windows.
    type Core;

    #[wasm_bindgen(method, catch)]
    fn invoke(
        this: &Core,
        command: &str,
        body: &JsValue,
        options: &JsValue,
    ) -> Result<js_sys::Promise, JsValue>;

    /// Receives what the shell sends on its own.
    type Channel;

    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &Channel, read: &js_sys::Function);

    #[wasm_bindgen(method, getter)]
    fn id(this: &Channel) -> u32;
}

/// The shell's side of the page; `None` in a browser.
///
/// Looked up by hand: an import of a global that is missing would end the
/// whole module instead of failing.
fn core() -> Option<Core> {
    let window = web_sys::window()?;
    let tauri = js_sys::Reflect::get(&window, &"__TAURI__".into()).ok()?;
    if tauri.is_falsy() {
        return None;
    }
    let core = js_sys::Reflect::get(&tauri, &"core".into()).ok()?;
    (!core.is_falsy()).then(|| core.unchecked_into())
}

fn new_channel(core: &Core) -> Option<Channel> {
    let class: js_sys::Function =
        js_sys::Reflect::get(core, &"Channel".into()).ok()?.dyn_into().ok()?;
    let channel = js_sys::Reflect::construct(&class, &js_sys::Array::new()).ok()?;
    Some(channel.unchecked_into())
}

/// Talks to one connection of the desktop shell.
pub struct Desktop {
    core: Core,
    connection: String,
}

static STREAMS: AtomicU32 = AtomicU32::new(0);

impl Desktop {
    /// The way to this connection; `None` when the page runs in a browser.
    pub fn new(connection: &str) -> Option<Self> {
        Some(Self { core: core()?, connection: connection.to_owned() })
    }

    fn send(&self, request: &Request, stream: Option<&str>) -> Result<js_sys::Promise, JsValue> {
        let headers = js_sys::Object::new();
        let set =
            |name: &str, value: &str| js_sys::Reflect::set(&headers, &name.into(), &value.into());
        set(shell::CONNECTION, &pipewright_protocol::studio::encode(&self.connection))?;
        set(shell::METHOD, request.method)?;
        set(shell::PATH, &request.path)?;
        let body = match &request.body {
            Some((kind, body)) => {
                set(shell::CONTENT_TYPE, kind)?;
                js_sys::Uint8Array::from(body.as_slice())
            }
            None => js_sys::Uint8Array::new_with_length(0),
        };
        if let Some(stream) = stream {
            set(shell::STREAM, stream)?;
        }
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"headers".into(), &headers)?;
        self.core.invoke(shell::COMMAND, &body, &options)
    }
}

async fn response(sent: Result<js_sys::Promise, JsValue>) -> Result<Response, Failure> {
    let lost = |error: JsValue| {
        Failure::Unreachable(
            error.as_string().unwrap_or_else(|| "the window lost its shell".into()),
        )
    };
    let buffer = JsFuture::from(sent.map_err(lost)?).await.map_err(lost)?;
    let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
    let (head, body) =
        Head::split(&bytes).map_err(|error| Failure::Unreadable(error.to_string()))?;
    if let Some(why) = head.unreachable {
        return Err(Failure::Unreachable(why));
    }
    Ok(Response { status: head.status, body: body.to_vec() })
}

impl Transport for Desktop {
    fn call(&self, request: Request) -> Local<'_, Result<Response, Failure>> {
        Box::pin(async move { response(self.send(&request, None)).await })
    }

    fn stream(&self, path: &str, read: Rc<dyn Fn(Part)>) -> Stream {
        let Some(channel) = new_channel(&self.core) else {
            read(Part::Closed(Some(Failure::Unreachable("the window lost its shell".into()))));
            return Stream(None);
        };
        let request = Request { method: "GET", path: path.to_owned(), body: None };
        let lines = RefCell::new(Lines::default());
        let reader = read.clone();
        let wanted = Rc::new(Cell::new(true));
        let listening = wanted.clone();
        let on_message = Closure::<dyn Fn(JsValue)>::new(move |message: JsValue| {
            if !listening.get() {
                return;
            }
            let bytes = js_sys::Uint8Array::new(&message).to_vec();
            if bytes.is_empty() {
                reader(Part::Closed(None));
            } else {
                lines.borrow_mut().push(&bytes, |line| reader(Part::Line(line)));
            }
        });
        // Messages may still be on their way when the stream is stopped, so the
        // page's garbage collector decides when the function goes.
        channel.set_onmessage(on_message.into_js_value().unchecked_ref());
        // Names the stream for stopping it; several windows may have the same
        // channel id, so the shell keeps them apart by window.
        let name = format!("{}:{}", channel.id(), STREAMS.fetch_add(1, Ordering::Relaxed));
        let sent = self.send(&request, Some(&name));
        spawn_local(async move {
            match response(sent).await.and_then(check) {
                Ok(_) => read(Part::Open),
                Err(failure) => read(Part::Closed(Some(failure))),
            }
        });
        let stop = Request { method: shell::STOP, path: request.path, body: None };
        let shell = Desktop {
            core: self.core.clone().unchecked_into(),
            connection: self.connection.clone(),
        };
        Stream::new(move || {
            wanted.set(false);
            let stopped = shell.send(&stop, Some(&name));
            spawn_local(async move {
                // Nothing to do if it fails: the shell also stops the streams
                // of windows that are gone.
                let _ = response(stopped).await;
            });
        })
    }
}

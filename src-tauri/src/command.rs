//! The one command: a request from the page, its answer back.

use std::str::FromStr;

use pipewright_protocol::{
    shell::{self, Head, HeadError},
    studio::only_asks,
};
use tauri::{
    AppHandle, Manager, State, Webview,
    ipc::{InvokeBody, InvokeResponseBody, JavaScriptChannelId, Request, Response},
};

use crate::{
    connections::Connections,
    desk,
    happenings::Happenings,
    streams::Streams,
    way::{Answer, Call, Lost},
};

/// Why a call has no answer of any kind: the page is not one of ours, or
/// broken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// A header that every call has.
    #[error("the call has no {0}")]
    NoHeader(&'static str),
    /// The name of the stream.
    #[error("{0} is no stream")]
    NoStream(String),
    /// The answer cannot be put together.
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl serde::Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Carries a request to the connection it names; see
/// [`pipewright_protocol::shell`] for how it is written.
#[tauri::command]
pub(crate) async fn api(
    app: AppHandle,
    webview: Webview,
    connections: State<'_, Connections>,
    streams: State<'_, Streams>,
    request: Request<'_>,
) -> Result<Response, Broken> {
    let header =
        |name: &'static str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let required = |name| header(name).map(str::to_owned).ok_or(Broken::NoHeader(name));
    let connection = decode(&required(shell::CONNECTION)?);
    let stream = header(shell::STREAM).map(str::to_owned);
    let call = Call {
        method: required(shell::METHOD)?,
        path: required(shell::PATH)?,
        content_type: header(shell::CONTENT_TYPE).map(str::to_owned),
        body: match request.body() {
            InvokeBody::Raw(bytes) => bytes.clone(),
            InvokeBody::Json(_) => Vec::new(),
        },
    };
    if call.method == shell::STOP {
        streams.stop(webview.label(), &stream.ok_or(Broken::NoHeader(shell::STREAM))?);
        return join(Head { status: 204, unreachable: None }, &[]);
    }
    if let (shell::SHELL, shell::HAPPENINGS, Some(name)) =
        (connection.as_str(), call.path.as_str(), &stream)
    {
        let answer = Answer::new(200, app.state::<Happenings>().listen(webview.label()));
        follow(&app, &webview, name, answer)?;
        return join(Head { status: 200, unreachable: None }, &[]);
    }
    if connection == shell::SHELL {
        let answer = desk::answer(&app, &webview, &connections, &call).await;
        return join(Head { status: answer.status, unreachable: None }, &answer.body);
    }
    // Whatever the page thinks of it.
    if connections.is_production(&connection) && !only_asks(&call.method, &call.path) {
        let answer = desk::read_only();
        return join(Head { status: answer.status, unreachable: None }, &answer.body);
    }
    let sent = match connections.way(&connection) {
        Some(way) => way.send(call).await,
        None => Err(Lost(format!("the connection {connection} is not open"))),
    };
    let answer = match sent {
        Ok(answer) => answer,
        Err(Lost(why)) => return lost(why),
    };
    let status = answer.status;
    match stream {
        Some(name) if (200..300).contains(&status) => {
            follow(&app, &webview, &name, answer)?;
            join(Head { status, unreachable: None }, &[])
        }
        _ => match answer.whole().await {
            Ok(body) => join(Head { status, unreachable: None }, &body),
            Err(Lost(why)) => lost(why),
        },
    }
}

/// Sends what arrives on, through the page's channel, until either side ends
/// it.
fn follow(app: &AppHandle, webview: &Webview, name: &str, answer: Answer) -> Result<(), Broken> {
    let no_stream = || Broken::NoStream(name.to_owned());
    let id = name.split(':').next().unwrap_or_default();
    let id =
        JavaScriptChannelId::from_str(&format!("__CHANNEL__:{id}")).map_err(|_| no_stream())?;
    let channel = id.channel_on::<_, InvokeResponseBody>(webview.clone());
    let (app, label, own) = (app.clone(), webview.label().to_owned(), name.to_owned());
    let reading = async move {
        let mut answer = answer;
        while let Some(Ok(chunk)) = answer.next().await {
            if channel.send(InvokeResponseBody::Raw(chunk)).is_err() {
                break;
            }
        }
        // Says that it has ended; the page may be gone by now.
        let _ = channel.send(InvokeResponseBody::Raw(Vec::new()));
        app.state::<Streams>().ended(&label, &own);
    };
    webview.state::<Streams>().start(webview.label(), name, reading);
    Ok(())
}

fn lost(why: String) -> Result<Response, Broken> {
    join(Head { status: 0, unreachable: Some(why) }, &[])
}

fn join(head: Head, body: &[u8]) -> Result<Response, Broken> {
    Ok(Response::new(head.join(body)?))
}

/// Undoes the percent-encoding that headers need.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'%').then(|| tail.get(..2)).flatten();
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_arrive_as_they_are() {
        let id = "node http://a/æ%";
        assert_eq!(decode(&pipewright_protocol::studio::encode(id)), id);
    }
}

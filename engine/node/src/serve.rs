//! Serving the API, and the studio, on a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Html;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_http::services::{ServeDir, ServeFile};

use crate::{Node, api};

/// How long a caller may take over the head of a request, and until the next.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// Connections at once.
const CONNECTIONS: usize = 4096;

/// Names the folder with the built studio.
pub const STUDIO_VARIABLE: &str = "PIPEWRIGHT_STUDIO";

/// Where the studio's files are: as the environment says, beside the program,
/// or where `cargo xtask ui` puts them.
pub fn studio_folder() -> Option<PathBuf> {
    let named = std::env::var_os(STUDIO_VARIABLE).map(PathBuf::from);
    let beside =
        std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("studio")));
    // `target/debug/pipewright` and `target/debug/deps/…` of a checkout.
    let built = std::env::current_exe().ok().and_then(|program| {
        program
            .ancestors()
            .map(|above| above.join("dist"))
            .find(|dist| dist.join("index.html").is_file())
    });
    let mut places = [named, beside, built].into_iter().flatten();
    places.find(|folder| folder.join("index.html").is_file())
}

/// The API, and the studio from `folder` for everything else.
pub fn with_studio(node: Arc<Node>, folder: Option<&Path>) -> Router {
    let router = api::router(node);
    let router = match folder {
        Some(folder) => {
            let index = ServeFile::new(folder.join("index.html"));
            router.fallback_service(ServeDir::new(folder).fallback(index))
        }
        None => router.fallback(get(|| async {
            Html(
                "<!doctype html><title>Pipewright</title><p>The node runs, but the studio has not \
                 been built. Run <code>cargo xtask ui</code> and reload.",
            )
        })),
    };
    router.layer(axum::middleware::map_response(harden))
}

/// Headers that keep a page of the studio to itself.
async fn harden(mut response: axum::response::Response) -> axum::response::Response {
    const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
        style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
        worker-src 'self' blob:; connect-src 'self' http: https:; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(HeaderName::from_static("cache-control"))
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// A socket on this machine only; `port` 0 takes a free one.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    listen_at(IpAddr::from([127, 0, 0, 1]), port).await
}

/// A socket at an address. What others can reach carries tokens and data as
/// they are: something in front of it must add TLS.
pub async fn listen_at(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((address, port))).await
}

/// Serves until `stop` comes, and then until what is being answered is.
///
/// A caller that takes long over the head of a request, or keeps a connection
/// and asks nothing, is cut off; more callers than there are places for wait
/// until one is free.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut stop => break,
        };
        let socket = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) if is_of_the_caller(&error) => continue,
                // For want of something that others give back: files, memory.
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted now");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
        let mut stopped = stopped.clone();
        connections.spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
            }
            // What a caller does wrong is its own affair.
            let _ = connection.await;
        });
        // Those that have ended need not be kept.
        while connections.try_join_next().is_some() {}
    }
    drop((listener, stopping));
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Whether a connection was given up by who made it.
fn is_of_the_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

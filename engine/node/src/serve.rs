//! Serving the API, and the studio, on a socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_http::services::{ServeDir, ServeFile};

use crate::{Node, api};

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

/// Serves until `stop` comes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

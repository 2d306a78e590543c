//! Encrypted connections: whose certificate is taken, and whose is shown.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value as Json, json};

use crate::sql::servers;
use crate::{Secrets, entities, live, read, request, source, url_system};
use pipewright_component::Surroundings;
use pipewright_systems::Systems;

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "An authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a name or an address, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// What a server on this machine encrypts with.
    pub(crate) fn server(&self, asks_for_certificates: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (certificate, key) = self.sign("127.0.0.1");
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match asks_for_certificates {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                let own = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
                roots.add(own).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

/// A web server that answers everything with one entity.
fn web_server(config: Arc<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if stream.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                }
                let body = r#"[{"_id": "1"}]"#;
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
                write!(stream.get_mut(), "{head}: {}\r\n\r\n{body}", body.len())?;
                stream.get_mut().conn.send_close_notify();
                stream.get_mut().flush()
            });
        }
    });
    url
}

fn fetch(system: &Json, surroundings: &Surroundings) -> Result<Json, String> {
    let config = json!({"type": "json", "url": "x"});
    source(&Systems::new(), &config, system, surroundings)
        .and_then(|mut source| read(&mut *source, &request(10)))
        .map(|batches| entities(&batches))
        .map_err(|failure| failure.to_string())
}

#[test]
fn the_certificate_of_a_web_server_is_checked_when_asked_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = web_server(authority.server(false));
    let mut system = url_system(&format!("{url}/%s"));
    // The documented default looks at no certificate.
    assert_eq!(fetch(&system, &live()), Ok(json!([{"_id": "1"}])));
    system["verify_ssl"] = json!(true);
    let message = fetch(&system, &live()).unwrap_err();
    assert!(message.contains("certificate"), "{message}");
    system["custom_ca_pem_chain"] = json!(other.pem());
    assert!(fetch(&system, &live()).is_err());
    system["custom_ca_pem_chain"] = json!(format!("{}{}", other.pem(), authority.pem()));
    assert_eq!(fetch(&system, &live()), Ok(json!([{"_id": "1"}])));
    system["custom_ca_pem_chain"] = json!("no certificate");
    assert!(fetch(&system, &live()).is_err());
}

#[test]
fn a_client_certificate_is_shown_to_its_own_server() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = web_server(authority.server(true));
    let mut system = url_system(&format!("{url}/%s"));
    assert!(fetch(&system, &live()).is_err());
    let (certificate, key) = other.sign("a stranger");
    system["client_certificate"] = json!(certificate);
    system["client_key"] = json!(key);
    assert!(fetch(&system, &live()).is_err());
    let (certificate, key) = authority.sign("us");
    let key: &'static str = key.leak();
    let secrets = Box::leak(Box::new([("key", key)]));
    let surroundings = Surroundings { variables: Arc::new(Secrets(secrets)), ..live() };
    system["client_certificate"] = json!(certificate);
    system["client_key"] = json!("$SECRET(key)");
    assert_eq!(fetch(&system, &surroundings), Ok(json!([{"_id": "1"}])));
    // One text may hold both.
    system["client_certificate"] = json!(format!("{certificate}$SECRET(key)"));
    system.as_object_mut().unwrap().remove("client_key");
    assert_eq!(fetch(&system, &surroundings), Ok(json!([{"_id": "1"}])));
    // It is not shown to another server that a component names.
    let elsewhere = url_system("https://127.0.0.1:1/%s");
    let mut elsewhere = elsewhere;
    elsewhere["client_certificate"] = system["client_certificate"].clone();
    let config = json!({"type": "json", "url": format!("{url}/x")});
    let mut source = source(&Systems::new(), &config, &elsewhere, &surroundings).unwrap();
    assert!(read(&mut *source, &request(1)).is_err());
    // Half of it is a mistake in the config.
    let mut half = url_system(&format!("{url}/%s"));
    half["client_key"] = json!("x");
    let message = fetch(&half, &live()).unwrap_err();
    assert!(message.contains("client_certificate") && message.contains("missing"), "{message}");
}

/// A database says itself whether the connection is encrypted.
#[test]
fn connections_to_databases_are_encrypted_as_configured() {
    let postgresql =
        "SELECT 1 AS id, ssl::text AS is_on FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let mysql = "SELECT 1 AS id, variable_value <> '' AS is_on \
                 FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'";
    let cases = [
        ("postgresql", postgresql, "disable", false),
        ("postgresql", postgresql, "allow", false),
        ("postgresql", postgresql, "prefer", true),
        ("postgresql", postgresql, "require", true),
        ("mysql", mysql, "disabled", false),
        ("mysql", mysql, "preferred", true),
        ("mysql", mysql, "required", true),
    ];
    let servers = [
        ("system:postgresql", "postgres", servers::postgresql(true)),
        ("system:mysql", "mysql", servers::mysql(true)),
    ];
    for (kind, database, server) in servers {
        for (_, query, mode, expected) in cases.iter().filter(|(name, ..)| kind.ends_with(name)) {
            let system = json!({
                "_id": "sys", "type": kind, "host": "127.0.0.1", "port": server.port,
                "database": database, "username": "tester", "password": "pass;word'1",
                "sslmode": mode,
            });
            let config = json!({"type": "sql", "query": query, "primary_key": "id"});
            let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
            let found = entities(&read(&mut *source, &request(1)).unwrap());
            let is_on = &found[0]["is_on"];
            let is_on = *is_on == json!("true") || *is_on == json!(1);
            assert_eq!(is_on, *expected, "{kind} {mode}: {found}");
        }
    }
}

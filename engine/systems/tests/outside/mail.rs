//! The mail sink against a mail server on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use pipewright_component::{
    Components, Failure, FixedClock, Permission, Sequence, Setting, Sink, Surroundings, Written,
};
use pipewright_entity::{Entity, Value};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::tls::Authority;
use crate::{Secrets, live, object};

/// A mail as it came in.
#[derive(Clone, Debug, Default)]
struct Mail {
    from: String,
    to: Vec<String>,
    text: String,
}

impl Mail {
    /// The lines before the first empty one, folded lines joined.
    fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")));
        line.map(|line| line[name.len() + 2..].to_owned()).unwrap_or_default()
    }
}

struct Server {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// Who signed in, as it was sent.
    signed_in: Arc<Mutex<Vec<String>>>,
}

/// What the server does with what is said to it.
#[derive(Clone)]
struct Talk {
    mails: Arc<Mutex<Vec<Mail>>>,
    signed_in: Arc<Mutex<Vec<String>>>,
    /// What a recipient gets for an answer.
    answer: Arc<dyn Fn(&str) -> &'static str + Send + Sync>,
    /// What it encrypts with, when it is asked to (STARTTLS).
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Server {
    /// `answer` says what a recipient gets for an answer.
    fn start(answer: impl Fn(&str) -> &'static str + Send + Sync + 'static) -> Server {
        Server::with(Arc::new(answer), None)
    }

    fn with(
        answer: Arc<dyn Fn(&str) -> &'static str + Send + Sync>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, mails: Arc::default(), signed_in: Arc::default() };
        let (mails, signed_in) = (server.mails.clone(), server.signed_in.clone());
        let talk = Talk { mails, signed_in, answer, tls };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let talk = talk.clone();
                std::thread::spawn(move || talk.hold(stream.unwrap()));
            }
        });
        server
    }

    fn system(&self) -> Json {
        json!({"_id": "sys", "type": "system:smtp", "smtp_server": "127.0.0.1",
               "smtp_port": self.port})
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

impl Talk {
    fn hold(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(b"220 mail.example ready\r\n")?;
        let mut plain = Talk { tls: None, ..self.clone() };
        let Some(tls) = &self.tls else { return plain.go_on(&mut stream, "").map(drop) };
        if !plain.go_on(&mut stream, "\r\n250-STARTTLS")? {
            return Ok(());
        }
        let connection = rustls::ServerConnection::new(tls.clone()).unwrap();
        let stream = rustls::StreamOwned::new(connection, stream.into_inner());
        plain.go_on(&mut BufReader::new(stream), "").map(drop)
    }

    /// Whether it was asked to encrypt.
    fn go_on<S: Read + Write>(
        &mut self,
        stream: &mut BufReader<S>,
        offers: &str,
    ) -> std::io::Result<bool> {
        let mut mail = Mail::default();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(false);
            }
            let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let said = match line.get(..4).unwrap_or_default() {
                "EHLO" => {
                    let hello = format!("250-mail.example{offers}\r\n250 AUTH PLAIN\r\n");
                    stream.get_mut().write_all(hello.as_bytes())?;
                    continue;
                }
                "STAR" => {
                    stream.get_mut().write_all(b"220 go ahead\r\n")?;
                    return Ok(true);
                }
                "AUTH" => {
                    let sent = line.trim_end().rsplit(' ').next().unwrap();
                    let plain = base64::engine::general_purpose::STANDARD.decode(sent).unwrap();
                    let plain = String::from_utf8(plain).unwrap();
                    let is_known = plain.ends_with("\0right");
                    self.signed_in.lock().unwrap().push(plain);
                    if is_known { "235 ok" } else { "535 not you, right or wrong" }
                }
                "MAIL" => {
                    mail = Mail { from: address, ..Mail::default() };
                    "250 ok"
                }
                "RCPT" => {
                    let said = (self.answer)(&address);
                    mail.to.push(address);
                    said
                }
                "DATA" => {
                    stream.get_mut().write_all(b"354 go on\r\n")?;
                    loop {
                        let mut line = String::new();
                        stream.read_line(&mut line)?;
                        if line == ".\r\n" {
                            break;
                        }
                        mail.text.push_str(&line);
                    }
                    self.mails.lock().unwrap().push(std::mem::take(&mut mail));
                    "250 taken"
                }
                "QUIT" => return stream.get_mut().write_all(b"221 bye\r\n").map(|()| false),
                _ => "250 ok",
            };
            stream.get_mut().write_all(format!("{said}\r\n").as_bytes())?;
        }
    }
}

fn open(
    systems: &Systems,
    config: Json,
    system: &Json,
    surroundings: &Surroundings,
) -> Result<Box<dyn Sink>, Failure> {
    let mut all = json!({"type": "mail", "mail_from": "Pump <pump@example.com>"});
    all.as_object_mut().unwrap().extend(object(&config).clone());
    let setting = Setting {
        pipe: "test",
        config: object(&all),
        system: Some(("sys", object(system))),
        path: "$.sink",
    };
    let mut sink = systems.sink(&setting, surroundings)?.unwrap();
    sink.begin(&Sequence { id: "run".into(), is_full: false })?;
    Ok(sink)
}

fn send(sink: &mut dyn Sink, entity: Json) -> Result<Written, Failure> {
    sink.write(&[Entity::from_value(Value::from_json(&entity)).unwrap()])
}

#[test]
fn an_entity_becomes_a_mail() {
    let server = Server::start(|_| "250 ok");
    let config = json!({
        "subject_template": "Order {{ number }}\nfor {{ who.name }}",
        "body_template": "Dear {{ who.name }},\nit is {{ state|default('new') }}: {{ missing.part }}.",
        "recipients": "Kari <kari@example.com>, ola@example.com",
    });
    let mut sink = open(&Systems::new(), config, &server.system(), &live()).unwrap();
    let order = json!({"_id": "1", "number": 7, "who": {"name": "Kåre"}});
    assert_eq!(send(&mut *sink, order.clone()).unwrap().written, 1);
    let mut gone = order;
    gone["_deleted"] = json!(true);
    assert_eq!(send(&mut *sink, gone).unwrap().ignored, 1);
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), &*mail.to),
        ("pump@example.com", &["kari@example.com".to_owned(), "ola@example.com".to_owned()][..],)
    );
    assert_eq!(mail.header("Date"), "Thu, 01 Jan 1970 00:00:00 +0000");
    assert!(mail.header("Content-Type").starts_with("text/plain"));
    assert!(mail.header("Subject").starts_with("Order 7 for "), "{}", mail.text);
    let body = mail.text.split_once("\r\n\r\n").unwrap().1.replace("=C3=A5", "å");
    assert_eq!(
        body.trim_end().replace("=\r\n", ""),
        "Dear Kåre,\r\nit is new: {{ missing.part }}."
    );
}

#[test]
fn html_comes_with_plain_text_and_texts_may_be_the_entitys() {
    let server = Server::start(|_| "250 ok");
    let config = json!({"recipients_property": "to", "subject_template_property": "title"});
    let mut sink = open(&Systems::new(), config, &server.system(), &live()).unwrap();
    let entity = json!({
        "_id": "1", "to": ["a@example.com", "b@example.com"], "title": "{{ n }} things",
        "n": 3, "body_template": "<p>{{ n }} <b>things</b></p>",
    });
    assert_eq!(send(&mut *sink, entity.clone()).unwrap().written, 1);
    let mail = &server.mails()[0];
    assert_eq!(mail.to, ["a@example.com", "b@example.com"]);
    assert!(mail.header("Content-Type").starts_with("multipart/alternative"));
    assert!(mail.text.contains("\r\n\r\n3 things\r\n"), "{}", mail.text);
    assert!(mail.text.contains("<p>3 <b>things</b></p>"), "{}", mail.text);

    // What an entity lacks is its own failure.
    for (missing, word) in [("to", "recipients"), ("title", "subject"), ("body_template", "body")] {
        let mut entity = entity.clone();
        entity.as_object_mut().unwrap().remove(missing);
        let written = send(&mut *sink, entity).unwrap();
        assert_eq!(written.written, 0);
        assert!(written.rejected[0].message.contains(word), "{:?}", written.rejected);
    }
    let mut entity = entity;
    entity["to"] = json!("not an address");
    assert_eq!(send(&mut *sink, entity).unwrap().rejected.len(), 1);
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn variables_without_a_value_are_as_the_sink_says() {
    for (how, expected) in
        [("empty_string", Some("[]")), ("debug", Some("[{{ x }}]")), ("strict", None)]
    {
        let server = Server::start(|_| "250 ok");
        let config = json!({
            "subject_template": "s", "body_template": "[{{ x }}]", "recipients": "a@example.com",
            "unhandled_template_variable_replacement": how,
        });
        let mut sink = open(&Systems::new(), config, &server.system(), &live()).unwrap();
        let written = send(&mut *sink, json!({"_id": "1"})).unwrap();
        match expected {
            Some(body) => assert!(server.mails()[0].text.contains(body), "{how}"),
            None => assert_eq!(written.rejected.len(), 1, "{how}"),
        }
    }
}

fn plain() -> Json {
    json!({"subject_template": "s", "body_template": "b", "recipients_property": "to"})
}

#[test]
fn what_a_server_says_decides_who_is_at_fault() {
    let server = Server::start(|to| match to {
        "nobody@example.com" => "550 no such mailbox",
        "later@example.com" => "451 try later",
        _ => "250 ok",
    });
    let mut sink = open(&Systems::new(), plain(), &server.system(), &live()).unwrap();
    let to = |who: &str| json!({"_id": who, "to": who});
    let refused = send(&mut *sink, to("nobody@example.com")).unwrap();
    assert!(refused.rejected[0].message.contains("no such mailbox"), "{refused:?}");
    let later = send(&mut *sink, to("later@example.com"));
    assert!(matches!(later, Err(Failure::Retryable { .. })), "{later:?}");
    assert_eq!(send(&mut *sink, to("a@example.com")).unwrap().written, 1);

    let mut nowhere = server.system();
    nowhere["smtp_port"] = json!(1);
    let mut sink = open(&Systems::new(), plain(), &nowhere, &live()).unwrap();
    let refused = send(&mut *sink, to("a@example.com"));
    assert!(matches!(refused, Err(Failure::Retryable { .. })), "{refused:?}");

    let mut held = live();
    held.access.write_outside = Permission::Held;
    let mut sink = open(&Systems::new(), plain(), &server.system(), &held).unwrap();
    assert!(matches!(send(&mut *sink, to("a@example.com")), Err(Failure::Held { .. })));
}

#[test]
fn it_signs_in_and_never_shows_the_password() {
    let server = Server::start(|_| "250 ok");
    let mut system = server.system();
    system["smtp_username"] = json!("pump");
    system["smtp_password"] = json!("$SECRET(mail)");
    for (password, is_right) in [("right", true), ("wrong", false)] {
        let secrets: &'static [(&str, &str)] = match is_right {
            true => &[("mail", "right")],
            false => &[("mail", "wrong")],
        };
        let surroundings = Surroundings { variables: Arc::new(Secrets(secrets)), ..live() };
        let mut sink = open(&Systems::new(), plain(), &system, &surroundings).unwrap();
        let sent = send(&mut *sink, json!({"_id": "1", "to": "a@example.com"}));
        assert_eq!(
            server.signed_in.lock().unwrap().last().unwrap(),
            &format!("\0pump\0{password}")
        );
        match is_right {
            true => assert_eq!(sent.unwrap().written, 1),
            false => {
                let Err(Failure::Config { path, message }) = sent else { panic!("{sent:?}") };
                assert_eq!(path, "$.smtp_username");
                assert!(message.contains("not you") && !message.contains("wrong"), "{message}");
            }
        }
    }
    let surroundings =
        Surroundings { variables: Arc::new(Secrets(&[("mail", "right")])), ..live() };
    let systems = Systems::new();
    let mut asked = systems.system("sys", object(&system), &surroundings).unwrap().unwrap();
    assert_eq!(asked.test().unwrap(), "the mail server answers");
}

#[test]
fn no_more_go_out_in_an_hour_than_the_system_may_send() {
    let server = Server::start(|_| "250 ok");
    let mut system = server.system();
    system["max_per_hour"] = json!(2);
    let clock = FixedClock::at(0);
    let surroundings = Surroundings { clock: Arc::new(clock.clone()), ..live() };
    let systems = Systems::new();
    let mail = |id: &str| json!({"_id": id, "to": "a@example.com"});
    let mut sink = open(&systems, plain(), &system, &surroundings).unwrap();
    send(&mut *sink, mail("1")).unwrap();
    clock.advance(Duration::from_secs(600));
    send(&mut *sink, mail("2")).unwrap();
    // Also by another run.
    let mut sink = open(&systems, plain(), &system, &surroundings).unwrap();
    let refused = send(&mut *sink, mail("3")).unwrap();
    assert_eq!((refused.written, refused.rejected[0].wait), (0, Some(Duration::from_secs(3000))));
    clock.advance(Duration::from_secs(3000));
    assert_eq!(send(&mut *sink, mail("3")).unwrap().written, 1);
    assert_eq!(server.mails().len(), 3);
}

#[test]
fn a_mail_goes_out_encrypted_to_a_server_that_can_be_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = authority.server(false);
    let server = Server::with(Arc::new(|_: &str| "250 ok"), Some(tls));
    let config =
        json!({"subject_template": "x", "body_template": "y", "recipients": "a@example.com"});
    let mut system = server.system();
    system["use_tls"] = json!(true);
    system["smtp_username"] = json!("ane");
    system["smtp_password"] = json!("right");
    let deliver = |system: &Json| {
        let mut sink = open(&Systems::new(), config.clone(), system, &live())?;
        send(&mut *sink, json!({"_id": "1"}))
    };
    // Nobody that the machine trusts has signed for it.
    for authority in [None, Some(&other)] {
        let mut system = system.clone();
        if let Some(authority) = authority {
            system["custom_ca_pem_chain"] = json!(authority.pem());
        }
        let failure = deliver(&system).unwrap_err();
        assert!(failure.to_string().contains("certificate"), "{failure}");
    }
    assert!(server.signed_in.lock().unwrap().is_empty(), "the password was sent");
    system["custom_ca_pem_chain"] = json!(authority.pem());
    assert_eq!(deliver(&system).unwrap().written, 1);
    assert_eq!(server.mails().len(), 1);
    assert_eq!(*server.signed_in.lock().unwrap(), ["\0ane\0right"]);
    // One that cannot encrypt gets neither.
    let plain = Server::start(|_| "250 ok");
    let mut to_plain = plain.system();
    to_plain["use_tls"] = json!(true);
    assert!(deliver(&to_plain).is_err());
    assert!(plain.mails().is_empty());
}

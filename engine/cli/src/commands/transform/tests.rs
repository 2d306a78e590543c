#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Write};

use super::stream::{Report, transform};
use super::*;

fn program(rules: &str) -> Arc<Program> {
    let document = Document::parse(rules);
    let root = document.root.clone().unwrap();
    let compiled = compile(&document, &root, &Path::root(), &Options::new("test"));
    compiled.program.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

/// What comes out, what failed, and the report.
fn run(rules: &[&str], input: impl Read + Send, workers: usize) -> (String, Vec<String>, Report) {
    let programs: Vec<_> = rules.iter().map(|rules| program(rules)).collect();
    let programs: Vec<&Program> = programs.iter().map(Arc::as_ref).collect();
    let world = World { datasets: MemoryDatasets::new(), traces: Mutex::default() };
    let (mut output, mut failed) = (Vec::new(), Vec::new());
    let mut complain = |line: u64, why: &str| failed.push(format!("{line}: {why}"));
    let report = transform(&programs, &world, input, &mut output, workers, &mut complain).unwrap();
    (String::from_utf8(output).unwrap(), failed, report)
}

#[test]
fn the_order_of_the_input_is_kept_by_any_number_of_workers() {
    // Several chunks, lines of very different lengths, no newline at the end.
    let lines: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"_id":"{n}","text":"{}"}}"#, "long ".repeat(n * 7 % 50)))
        .collect();
    let input = lines.join("\n");
    let rules = r#"{"default": [["add", "n", ["integer", "_S._id"]]]}"#;
    let expected: String =
        (0..20_000).map(|n| format!("{{\"_id\":\"{n}\",\"n\":{n}}}\n")).collect();
    for workers in [1, 2, 7] {
        let (output, failed, report) = run(&[rules], input.as_bytes(), workers);
        assert!(output == expected, "{workers} workers");
        assert!(failed.is_empty(), "{failed:?}");
        assert_eq!(report, Report { read: 20_000, written: 20_000, failed: 0 });
    }
}

#[test]
fn one_bad_line_does_not_hide_the_next() {
    let input = "{\"_id\":\"1\"}\n\nnope\n[1]\n{\"_id\":\"2\",\"x\":1}\n{\"_id\":\"3\"}\r\n";
    let rules = r#"{"default": [["copy", "*"], ["if", ["eq", "_S.x", 1], ["fail!", "no x"]]]}"#;
    let (output, failed, report) = run(&[rules], input.as_bytes(), 2);
    assert_eq!(output, "{\"_id\":\"1\"}\n{\"_id\":\"3\"}\n");
    assert_eq!(failed.len(), 3, "{failed:?}");
    assert!(failed[0].starts_with("3: not JSON"));
    assert_eq!(failed[1], "4: expected an object");
    assert!(failed[2].starts_with("5: no x"));
    assert_eq!(report, Report { read: 5, written: 2, failed: 3 });
}

#[test]
fn transforms_follow_one_another() {
    let first = r#"{"default": [["create", ["list", {"_id": "new"}]], ["copy", "*"]]}"#;
    let second =
        r#"{"default": [["filter", ["neq", "_S._id", "gone"]], ["add", "seen", "_S._id"]]}"#;
    let input = "{\"_id\":\"a\"}\n{\"_id\":\"gone\"}\n{\"no\":\"id\"}";
    let (output, failed, report) = run(&[first, second], input.as_bytes(), 2);
    let new = "{\"_id\":\"new\",\"seen\":\"new\"}\n";
    assert_eq!(
        output,
        format!("{new}{{\"_id\":\"a\",\"seen\":\"a\"}}\n{new}{new}{{\"seen\":null}}\n")
    );
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(report.written, 5);
}

/// Lines without end, and how many bytes of them were taken.
struct Endless<'a>(&'a std::sync::atomic::AtomicU64);

impl Read for Endless<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        const LINE: &[u8] = b"{\"_id\":\"1\"}\n";
        let taken = self.0.fetch_add(to.len() as u64, std::sync::atomic::Ordering::Relaxed);
        for (byte, next) in to.iter_mut().zip(LINE.iter().cycle().skip(taken as usize % LINE.len()))
        {
            *byte = *next;
        }
        Ok(to.len())
    }
}

#[test]
fn what_nobody_reads_is_not_computed() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let program = program(r#"{"default": [["copy", "*"]]}"#);
    let world = World { datasets: MemoryDatasets::new(), traces: Mutex::default() };
    let taken = Default::default();
    let ended = transform(&[&program], &world, Endless(&taken), Full(1 << 20), 3, &mut |_, _| {});
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    // What was in flight: no more than some chunks beyond what was written.
    assert!(taken.into_inner() < 8 << 20);
}

#[test]
fn a_file_holds_rules_transforms_or_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("x.json");
        std::fs::write(&path, text).unwrap();
        read(&path, false).map(|dtl| dtl.programs.len()).map_err(|error| error.to_string())
    };
    assert_eq!(file(r#"{"default": [["copy", "*"]]}"#), Ok(1));
    assert_eq!(file(r#"[["copy", "*"]]"#), Ok(1));
    let pipe = r#"{"_id": "p", "type": "pipe", "source": {"type": "embedded", "entities": []},
        "transform": [{"type": "dtl", "rules": {"default": [["copy", "*"]]}},
                      {"type": "dtl", "rules": {"default": [["copy", "_id"]]}}]}"#;
    assert_eq!(file(pipe), Ok(2));
    assert!(file(r#"{"default": [["coppy", "*"]]}"#).unwrap_err().contains("not DTL"));
    assert!(file(r#"{"_id": "p", "transform": {"type": "dtl", "rules": {}}}"#).is_err());
    assert!(file("nope").is_err());
}

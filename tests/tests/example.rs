//! The example project through a node: what runs read and write, first, again
//! and after changes, and that changes lead to what a fresh store holds.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipewright_node::{Cancel, Node, Observer, Options, Permission, Progress, Settings, Settled};
use pipewright_tests::example::{self, Dump};
use tempfile::TempDir;

struct Quiet;

impl Observer for Quiet {
    fn progress(&self, _: &Progress<'_>) {}
}

/// A copy of the example with a store, and how often it ran.
struct Copy {
    home: TempDir,
    folder: PathBuf,
}

impl Copy {
    fn new() -> Copy {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("project");
        example::copy(&example::folder(), &folder).unwrap();
        Copy { home, folder }
    }

    fn open(&self, store: &Path) -> Arc<Node> {
        let mut options = Options::new(&self.folder);
        options.store = Some(store.to_path_buf());
        options.read_outside = Permission::Live;
        options.processes = Permission::Live;
        options.settings = Some(Settings::in_folder(self.home.path()));
        Node::open(options).unwrap()
    }

    /// Runs as another process would: the store is opened anew.
    fn run(&self, rescan: bool) -> Ran {
        self.run_in(&self.home.path().join("store"), rescan)
    }

    fn run_in(&self, store: &Path, rescan: bool) -> Ran {
        let node = self.open(store);
        let settled = node.run_until_stable(rescan, &Cancel::new(), &Quiet, &mut |_| {});
        Ran { settled, dump: example::dump(node.store()).unwrap() }
    }

    /// What a store that knows only the present files holds.
    fn fresh(&self) -> Dump {
        let store = tempfile::tempdir().unwrap();
        self.run_in(store.path(), false).clean().dump
    }

    /// Changes one file of the data.
    fn edit(&self, file: &str, change: impl Fn(&str) -> Option<String>) {
        let path = self.folder.join("data").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let mut touched = 0;
        let lines = text.split_inclusive('\n').map(|line| match change(line) {
            Some(other) => {
                touched += 1;
                other
            }
            None => line.to_owned(),
        });
        let text: String = lines.collect();
        assert_eq!(touched, 1, "one line of {file}");
        fs::write(&path, text).unwrap();
    }

    /// Replaces part of the line that begins with `start`.
    fn replace(&self, file: &str, start: &str, old: &str, new: &str) {
        self.edit(file, |line| {
            let line = line.trim_start().starts_with(start).then_some(line)?;
            assert!(line.contains(old), "{line}");
            Some(line.replacen(old, new, 1))
        });
    }

    /// Takes away the line that begins with `start`.
    fn remove(&self, file: &str, start: &str) {
        self.edit(file, |line| line.starts_with(start).then(String::new));
    }
}

struct Ran {
    settled: Settled,
    dump: Dump,
}

impl Ran {
    /// Nothing failed, nothing was left out.
    fn clean(self) -> Ran {
        for report in &self.settled.reports {
            assert!(report.is_success(), "{report:?}");
        }
        assert!(self.settled.skipped.is_empty(), "{:?}", self.settled.skipped);
        assert!(self.settled.restless.is_empty(), "{:?}", self.settled.restless);
        self
    }

    fn written(&self) -> u64 {
        self.settled.reports.iter().map(|report| report.counts.written).sum()
    }

    /// Read and written by each pipe that did either, over all its runs.
    fn worked(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut worked: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for report in &self.settled.reports {
            let of = worked.entry(&report.pipe).or_default();
            of.0 += report.counts.read;
            of.1 += report.counts.written;
        }
        worked.retain(|_, counts| *counts != (0, 0));
        worked
    }

    /// Those of [`Ran::worked`] that do not read a whole file or an embedded
    /// list each time.
    fn followed(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut worked = self.worked();
        for (pipe, entities) in WHOLE {
            let of = worked.remove(pipe).unwrap();
            assert!(of.0.abs_diff(*entities) <= 1, "{pipe} reads all it has: {of:?}");
        }
        worked
    }
}

/// Pipes whose source gives everything at each run, and how much that is; and
/// those whose writes are held, so that all of it waits still.
const WHOLE: &[(&str, u64)] = &[
    ("country", 5),
    ("crm-company-collect", 250),
    ("crm-contact-collect", 400),
    ("erp-customer-collect", 220),
    ("erp-customer-share", 219),
    ("erp-order-collect", 600),
    ("product", 16),
    ("webshop-account-collect", 300),
    ("webshop-account-share", 292),
];

#[track_caller]
fn assert_same(expected: &Dump, found: &Dump) {
    let differences = example::differences(expected, found);
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn a_run_settles_and_running_again_changes_nothing() {
    let copy = Copy::new();
    let first = copy.run(false).clean();
    assert!(first.written() > 5000, "{}", first.written());
    assert_eq!(first.dump["global-company"].len(), 284);
    // What goes outside is held.
    let held: BTreeMap<&str, u64> = first
        .settled
        .reports
        .iter()
        .filter(|report| report.counts.held > 0)
        .map(|report| (report.pipe.as_str(), report.counts.held))
        .collect();
    assert_eq!(
        held.into_keys().collect::<Vec<_>>(),
        ["erp-customer-share", "webshop-account-share"]
    );

    let second = copy.run(false).clean();
    assert_eq!(second.written(), 0, "{:?}", second.worked());
    assert_same(&first.dump, &second.dump);

    let rescan = copy.run(true).clean();
    assert_eq!(rescan.written(), 0, "{:?}", rescan.worked());
    assert_same(&first.dump, &rescan.dump);
}

#[test]
fn one_row_touches_only_what_depends_on_it() {
    // Read and written by what follows from one company's row: the company is
    // merged anew, and so is what is said of it and of its one contact.
    let followed = |crm, newsletter| {
        BTreeMap::from([
            ("crm-company-enrich", (1, 1)),
            ("global-company", (1, 1)),
            ("crm-company-transform", (1, crm)),
            ("erp-customer-transform", (1, 1)),
            ("newsletter-contact-transform", (1, newsletter)),
            ("webshop-account-transform", (1, 0)),
        ])
    };
    let copy = Copy::new();
    copy.run(false).clean();
    // Only the ERP wants the phone number.
    copy.replace("crm/companies.csv", "C1023,", "+47 15 34 41 04", "+47 15 34 41 05");
    let ran = copy.run(false).clean();
    assert_eq!(ran.worked()["crm-company-collect"], (250, 1));
    assert_eq!(ran.followed(), followed(0, 0));
    assert_same(&copy.fresh(), &ran.dump);

    copy.replace("crm/companies.csv", "C1023,", "Norreax Bygg AS", "Norreax Anlegg AS");
    let ran = copy.run(false).clean();
    assert_eq!(ran.worked()["crm-company-collect"], (250, 1));
    assert_eq!(ran.followed(), followed(1, 1));
    assert_same(&copy.fresh(), &ran.dump);

    // A row that is gone is deleted all the way.
    copy.remove("crm/companies.csv", "C1023,");
    let ran = copy.run(false).clean();
    assert_eq!(ran.worked()["crm-company-collect"], (249, 1));
    assert_eq!(ran.followed(), followed(1, 1));
    assert_same(&copy.fresh(), &ran.dump);
    assert!(!ran.dump["erp-customer-transform"].values().any(|text| text.contains("Norreax A")));
}

#[test]
fn any_change_leads_to_what_a_fresh_store_holds() {
    let copy = Copy::new();
    copy.run(false).clean();
    type Change = (&'static str, fn(&Copy));
    let changes: &[Change] = &[
        ("two companies become one", |copy| {
            copy.replace("crm/companies.csv", "C1023,", "440897786", "440493074");
        }),
        ("and two again", |copy| {
            copy.replace("crm/companies.csv", "C1023,", "440493074", "440897786");
        }),
        ("an order is cancelled", |copy| {
            copy.replace("erp/orders.json", r#"{"_id": "70001""#, "invoiced", "cancelled");
        }),
        ("an account is closed", |copy| {
            copy.replace("webshop/accounts.csv", "A-101,", ",active", ",closed");
        }),
        ("a contact moves to another company", |copy| {
            copy.replace("crm/contacts.csv", "P5000,", "C1005", "C1019");
        }),
    ];
    for (what, change) in changes {
        change(&copy);
        let ran = copy.run(false).clean();
        // Single entities, not datasets, follow from a row.
        let read: u64 = ran.followed().values().map(|(read, _)| read).sum();
        assert!((1..=15).contains(&read), "{what}: {:?}", ran.followed());
        assert_same(&copy.fresh(), &ran.dump);
    }
}

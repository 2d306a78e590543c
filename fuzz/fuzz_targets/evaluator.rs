#![no_main]
//! Running programs, plain and traced.

use std::sync::OnceLock;

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::{Context, Datasets, Document, Options, Path, compile};
use pipewright_entity::transit::Objects;
use pipewright_entity::{Dict, Entity, Value, binary};
use pipewright_fuzz::case;

struct World(MemoryDatasets);

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.0
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut datasets = MemoryDatasets::new();
        let things = [
            r#"{"_id":"1","a":1,"b":["x","1"]}"#,
            r#"{"_id":"e2","a":["1",2.5,"~f1"],"b":{"c":"e2"}}"#,
            r#"{"_id":"x:1","a":"x:1","b":"~:x:1"}"#,
        ];
        let entity = |text: &str| {
            Value::from_transit(text.as_bytes()).ok().and_then(|v| Entity::from_value(v).ok())
        };
        datasets.write("things", things.into_iter().filter_map(entity));
        World(datasets)
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(case) = case(&mut Unstructured::new(data)) else { return };
    let document = Document::parse(case.rules.to_string());
    let Some(root) = &document.root else { return };
    let source = Value::from_json(&case.source);
    let run = |traced: bool| {
        let options = Options { traced, ..Options::new("p") };
        let program = compile(&document, root, &Path::root(), &options).program?;
        Some(program.run_raw(source.clone(), Dict::default(), world()))
    };
    let Some(plain) = run(false) else { return pipewright_fuzz::count(false) };
    pipewright_fuzz::count(true);
    let traced = run(true);
    match (&plain, traced) {
        // Names that are made up for URIs, and folded faults, may differ in
        // their words; what comes out may not.
        (Ok(plain), Some(Ok(traced))) => assert_eq!(*plain, traced, "{}", case.rules),
        (Err(_), Some(Err(_))) => {}
        (plain, traced) => panic!("plain {plain:?}, traced {traced:?}"),
    }
    // What the program says it reads is enough.
    let options = Options::new("p");
    if let Some(program) = compile(&document, root, &Path::root(), &options).program {
        let text = case.source.to_string();
        if let Ok(reduced) = Objects::default().read(text.as_bytes(), &program.analysis().reads) {
            let other = program.run_raw(reduced, Dict::default(), world());
            match (&plain, &other) {
                (Ok(plain), Ok(other)) => assert_eq!(plain, other, "{} of {text}", case.rules),
                (Err(_), Err(_)) => {}
                (plain, other) => panic!("whole {plain:?}, reduced {other:?}"),
            }
        }
    }
    let Ok(outcome) = plain else { return };
    let target = Value::dict(outcome.target);
    assert!(Value::from_transit(target.to_transit().as_bytes()).is_ok());
    let mut bytes = Vec::new();
    binary::write(&target, &mut bytes);
    assert_eq!(binary::read(&bytes).as_ref(), Ok(&target));
    let _ = target.key();
});
